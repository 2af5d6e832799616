package exitcode_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// commits are the ways in which a handler commits its header: the status that
// a filter then sees, and the body of the response if the filter lets it pass.
var commits = []struct {
	name   string
	status int
	body   string
	h      func(w http.ResponseWriter) error
}{
	{"status", 201, "", func(w http.ResponseWriter) error { w.WriteHeader(201); return nil }},
	{"no content", 204, "", func(w http.ResponseWriter) error { w.WriteHeader(204); return nil }},
	{"write", 200, "body", func(w http.ResponseWriter) error {
		_, err := w.Write([]byte("body"))
		return err
	}},
	{"write string", 200, "body", func(w http.ResponseWriter) error {
		_, err := io.WriteString(w, "body")
		return err
	}},
	{"copy", 200, "body", func(w http.ResponseWriter) error {
		_, err := io.Copy(w, strings.NewReader("body"))
		return err
	}},
	{"status, write", 404, "body", func(w http.ResponseWriter) error {
		w.WriteHeader(404)
		_, err := io.WriteString(w, "body")
		return err
	}},
	{"flush", 200, "", func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() }},
	{"flush, write", 200, "body", func(w http.ResponseWriter) error {
		_ = http.NewResponseController(w).Flush() // Write tells
		_, err := io.WriteString(w, "body")
		return err
	}},
	{"nothing", 200, "", func(w http.ResponseWriter) error { return nil }},
}

// places puts a filter inside and outside of another lastbyte middleware.
func places(filter, in wrap) map[string]wrap {
	return map[string]wrap{
		"inside":  func(h http.Handler) http.Handler { return in(filter(h)) },
		"outside": func(h http.Handler) http.Handler { return filter(in(h)) },
	}
}

func TestHeaderFilter_SeesAndChangesHeader(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		calls := make(chan string, 10)
		filter := exitcode.HeaderFilter(func(r *http.Request, status int, h http.Header) exitcode.Code {
			calls <- fmt.Sprintf("%s %d %s", r.URL.Path, status, h.Get("Handler"))
			h.Set("Filter", "added")
			h.Del("Secret")
			return exitcode.OK
		})
		for place, chain := range places(filter, in) {
			for _, c := range commits {
				what := place + ", " + c.name
				s := start(t, p, chain, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Handler", "was here")
					w.Header().Set("Secret", "42")
					isErr(t, what, c.h(w), nil)
				})
				a := s.get("/path")
				a.is(t, what, c.status, c.body)
				check(t, what+", header Filter", a.header.Get("Filter"), "added")
				check(t, what+", header Handler", a.header.Get("Handler"), "was here")
				check(t, what+", header Secret", a.header.Get("Secret"), "")
				check(t, what+", calls", len(calls), 1)
				check(t, what+", first call", <-calls, fmt.Sprintf("/path %d was here", c.status))
			}
		}
	})
}

// Early hints are not the response: the filter waits for that.
func TestHeaderFilter_NotForInformational(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		calls := make(chan int, 10)
		filter := exitcode.HeaderFilter(func(_ *http.Request, status int, h http.Header) exitcode.Code {
			calls <- status
			h.Set("Filter", "added")
			return exitcode.OK
		})
		s := start(t, p, func(h http.Handler) http.Handler { return in(filter(h)) },
			func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Link", "</style.css>")
				w.WriteHeader(http.StatusEarlyHints)
				w.WriteHeader(http.StatusProcessing)
				synctest.Wait()
				check(t, "calls after 1xx", len(calls), 0)
				w.WriteHeader(202)
			})
		var hints []string // of one request, which has ended
		trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			hints = append(hints, fmt.Sprint(code, h.Get("Link"), h.Get("Filter")))
			return nil
		}}
		r := s.NewRequest("GET", "/", nil)
		a := s.do(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
		a.is(t, "GET", 202, "")
		check(t, "header Filter", a.header.Get("Filter"), "added")
		check(t, "1xx", strings.Join(hints, " "), "103</style.css> 102</style.css>")
		check(t, "calls", len(calls), 1)
		check(t, "status of the call", <-calls, 202)
	})
}

// The same with an http.Flusher, which net/http's own writers are.
func TestHeaderFilter_Flusher(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		for _, in := range []wrap{exitcode.New(exitcode.Options{}), background(t).Detach} {
			calls := make(chan int, 10)
			filter := exitcode.HeaderFilter(func(r *http.Request, status int, h http.Header) exitcode.Code {
				calls <- status
				h.Set("Filter", "added")
				return pathCode(r)
			})
			s := &server{t: t, proto: p}
			s.Server = pipenet.Start(t, p, filter(in(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.(http.Flusher).Flush()
				io.WriteString(w, "body")
				w.(http.Flusher).Flush()
			}))))
			for path, body := range map[string]string{"/0": "body", "/401": "401 Unauthorized\n"} {
				a := s.get(path)
				a.is(t, path, max(200, int(pathCode(s.NewRequest("GET", path, nil)))), body)
				check(t, path+", header Filter", a.header.Get("Filter"), "added")
				check(t, path+", calls", len(calls), 1)
				check(t, path+", status of the call", <-calls, 200)
			}
			s.nothing("/444")
			check(t, "log", s.Logs(), "")
		}
	})
}

// The innermost filter is the first, and each sees what those before it did.
func TestHeaderFilter_Order(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		add := func(name string) wrap {
			return exitcode.HeaderFilter(func(_ *http.Request, _ int, h http.Header) exitcode.Code {
				h.Set("Filters", h.Get("Filters")+name)
				return exitcode.OK
			})
		}
		s := start(t, p, func(h http.Handler) http.Handler { return add("3")(in(add("2")(add("1")(h)))) },
			func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "body") })
		a := s.get("/")
		a.is(t, "GET", 200, "body")
		check(t, "header", a.header.Get("Filters"), "123")
	})
}
