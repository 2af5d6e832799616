package exitcode_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"testing"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// says is a HeaderFilter that writes down what it is shown, and gives code.
func says(book chan<- string, name string, code exitcode.Code) wrap {
	return exitcode.HeaderFilter(func(_ *http.Request, status int, h http.Header) exitcode.Code {
		book <- fmt.Sprint(name, " ", status, " ", h.Get("Content-Type"))
		return code
	})
}

// Each filter is shown the status that would go out now.
func TestX14b_OuterFilterSeesTheStatusThatGoesOut(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		book := make(chan string, 10)
		for _, mw := range []wrap{bare, cookies} { // something in between, too
			s := start(t, p, func(h http.Handler) http.Handler {
				return in(says(book, "outer", 402)(mw(says(book, "middle", 403)(says(book, "inner", exitcode.OK)(h)))))
			}, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "image/png")
				if r.URL.Path == "/write" {
					io.WriteString(w, "hello")
				}
			})
			for _, path := range []string{"/write", "/return"} {
				s.get(path).is(t, path, 403, "403 Forbidden\n")
				check(t, path+", calls", len(book), 3)
				for _, want := range []string{"inner 200 image/png", "middle 200 image/png", "outer 403 text/plain; charset=utf-8"} {
					check(t, path, <-book, want)
				}
				s.recorded(403)
			}
		}
	})
}

// What an inner filter drops has no header for the outer one.
func TestX14b_DroppedByTheInnerFilter(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		book := make(chan string, 10)
		s := start(t, p, func(h http.Handler) http.Handler { return in(says(book, "outer", 403)(says(book, "inner", 444)(h))) },
			func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })
		s.nothing("/")
		check(t, "calls", len(book), 1)
		s.recorded(444)
	})
}

// A filter that panics fails closed: also if the handler recovers it, and if it
// runs for Send, where no panic of the handler reaches the server.
func TestX14b_PanicFailsClosed(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		for name, burst := range map[string]func(){
			"panic":  func() { panic("on purpose") },
			"abort":  func() { panic(http.ErrAbortHandler) },
			"goexit": runtime.Goexit,
		} {
			b := eof.New(eof.Options{OnPanic: func(any, []byte) {}})
			drains(t, b)
			outer := make(chan string, 10)
			filter := exitcode.HeaderFilter(func(*http.Request, int, http.Header) exitcode.Code {
				burst()
				return exitcode.OK
			})
			for place, chain := range map[string]wrap{
				"inside":  func(h http.Handler) http.Handler { return says(outer, "outer", exitcode.OK)(b.Detach(filter(h))) },
				"outside": func(h http.Handler) http.Handler { return says(outer, "outer", exitcode.OK)(filter(b.Detach(h))) },
				"between": func(h http.Handler) http.Handler { return filter(cookies(b.Detach(h))) },
			} {
				s := start(t, p, chain, func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Query().Has("recover") {
						defer func() {
							_ = recover()
							w.WriteHeader(200)
							io.WriteString(w, "open")
						}()
					}
					switch r.URL.Path {
					case "/send":
						eof.Send(r.Context())
					case "/write":
						io.WriteString(w, "open")
					case "/flush":
						http.NewResponseController(w).Flush()
					}
				})
				for _, path := range []string{"/send", "/send?recover", "/write?recover", "/flush?recover"} {
					s.nothing(path)
					<-s.seen
				}
				check(t, name+", "+place+", calls of the filter outside", len(outer), 0)
			}
		}
	})
}

// A recoverer's answer passes, and the other filters see it.
func TestX14b_RecoveredPanic(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		book := make(chan string, 10)
		filter := exitcode.HeaderFilter(func(*http.Request, int, http.Header) exitcode.Code { panic("on purpose") })
		seen := make(chan end, 1)
		s := start(t, p, func(h http.Handler) http.Handler {
			return in(says(book, "outer", exitcode.OK)(filter(watched(seen, true)(h))))
		}, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "open") })
		s.get("/").is(t, "GET", 500, "recovered\n")
		check(t, "the filter outside", <-book, "outer 500 text/plain; charset=utf-8")
		<-seen
		s.recorded(500)
	})
}
