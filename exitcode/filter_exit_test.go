package exitcode_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

func TestX14_FilterReplacesResponse(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		filter := exitcode.HeaderFilter(func(r *http.Request, _ int, h http.Header) exitcode.Code {
			h.Set("Filter", "added")
			return pathCode(r)
		})
		for place, chain := range places(filter, in) {
			for _, c := range commits {
				what := place + ", " + c.name
				s := start(t, p, chain, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "image/png")
					w.Header().Set("Content-Length", "4")
					w.Header().Set("Kept", "yes")
					if err := c.h(w); c.name != "nothing" {
						if !strings.HasPrefix(c.name, "status") && c.name != "no content" {
							isErr(t, what, err, exitcode.ErrExited)
						}
						refusedWrites(t, w)
						check(t, what+", the cause", causeCode(r.Context()), pathCode(r))
					}
				})
				for _, code := range []int{401, 799, 204} {
					a := s.get(fmt.Sprintf("/%d", code))
					body, kind := exitcode.Code(code).String()+"\n", "text/plain; charset=utf-8"
					if code == 204 {
						body = ""
						kind = a.header.Get("Content-Type") // not promised
					}
					a.is(t, what, code, body)
					check(t, what+", Content-Type", a.header.Get("Content-Type"), kind)
					check(t, what+", header Kept", a.header.Get("Kept"), "yes")
					check(t, what+", header Filter", a.header.Get("Filter"), "added")
					s.recorded(code)
				}
				s.same()
				for _, code := range []int{444, 499, 408, -1} {
					s.nothing(fmt.Sprintf("/%d", code))
					s.recorded(max(0, code))
				}
				check(t, what+", log", s.Logs(), "")
			}
		}
	})
}

func TestX14_ImplicitStatus(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		filter := exitcode.HeaderFilter(func(r *http.Request, status int, h http.Header) exitcode.Code {
			check(t, "status", status, 200)
			return 403
		})
		s := start(t, p, func(h http.Handler) http.Handler { return in(filter(h)) },
			func(http.ResponseWriter, *http.Request) {})
		s.get("/").is(t, "GET", 403, "403 Forbidden\n")
		s.recorded(403)
	})
}

// The page of an exit passes through the filter as well, but its code stands.
// What is dropped has no header to filter.
func TestHeaderFilter_ExitPages(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		calls := make(chan string, 10)
		filter := exitcode.HeaderFilter(func(_ *http.Request, status int, h http.Header) exitcode.Code {
			calls <- fmt.Sprint(status, h.Get("Content-Type"), h.Get("Content-Length"))
			h.Set("Filter", "added")
			return 500
		})
		for _, chain := range places(filter, in) {
			s := start(t, p, chain, func(w http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), pathCode(r)) })
			for path, want := range map[string]string{
				"/404": "404text/plain; charset=utf-814", "/301": "301text/plain; charset=utf-822", "/204": "204",
			} {
				a := s.get(path)
				code := pathCode(s.NewRequest("GET", path, nil))
				body := ""
				if code >= 300 {
					body = code.String() + "\n"
				}
				a.is(t, path, int(code), body)
				check(t, path+", header Filter", a.header.Get("Filter"), "added")
				check(t, path+", calls", len(calls), 1)
				check(t, path+", the call", <-calls, want)
				s.recorded(int(code))
			}
			s.nothing("/444")
			check(t, "calls for 444", len(calls), 0)
			check(t, "log", s.Logs(), "")
		}
	})
}
