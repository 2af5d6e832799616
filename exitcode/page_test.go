package exitcode_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// pages are settings with that page.
func pages(page func(http.ResponseWriter, *http.Request, exitcode.Code)) wrap {
	return exitcode.New(exitcode.Options{ErrorPage: page})
}

// named is a page that says its name.
func named(name string) func(http.ResponseWriter, *http.Request, exitcode.Code) {
	return func(w http.ResponseWriter, _ *http.Request, code exitcode.Code) {
		fmt.Fprintf(w, "%s: %d", name, int(code))
	}
}

func TestNew_InnermostPageCounts(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		// The phase stands between the two settings: the inner ones are not its.
		phase := exitcode.Phase(func(_ http.ResponseWriter, r *http.Request) exitcode.Code {
			if r.URL.Path == "/phase" {
				return 404
			}
			return exitcode.OK
		})
		for _, in := range []wrap{bare, background(t).Detach} {
			for _, c := range []struct {
				name, want string
				inner      wrap
			}{
				{"own page", "inner: 404", pages(named("inner"))},
				{"zero settings", "404 Not Found\n", exitcode.New(exitcode.Options{})},
				{"no settings", "outer: 404", bare},
			} {
				chain := func(h http.Handler) http.Handler { return pages(named("outer"))(in(phase(c.inner(h)))) }
				s := start(t, p, chain, func(w http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), 404) })
				s.get("/").is(t, c.name+", in the handler", 404, c.want)
				s.get("/phase").is(t, c.name+", in the phase", 404, "outer: 404")
			}
		}
	})
}

// What a page is given, and what becomes of what it does.
func TestNew_Page(t *testing.T) {
	type key struct{}
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		settings := pages(func(w http.ResponseWriter, r *http.Request, code exitcode.Code) {
			from, ok := exitcode.From(r.Context())
			if r.URL.Path != fmt.Sprintf("/%d", int(code)) || r.Context().Value(key{}) != "value" || from != code || !ok {
				t.Errorf("page of %d: request for %s, value %v, From = %v, %t", int(code), r.URL.Path, r.Context().Value(key{}), from, ok)
			}
			check(t, "a header of the handler's, in the page", w.Header().Get("Handler"), "was here")
			w.Header().Del("Handler")
			w.Header().Set("Page", code.String())
			if r.URL.Query().Has("status") {
				w.WriteHeader(418)
				w.WriteHeader(500) // too late
			}
			n, err := io.WriteString(w, "the page")
			if n != 8 || err != nil {
				t.Errorf("page: Write = %d, %v, want 8, nil", n, err)
			}
		})
		value := func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, "value")))
			})
		}
		s := start(t, p, func(h http.Handler) http.Handler { return in(value(settings(h))) },
			func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Handler", "was here")
				exitcode.Exit(r.Context(), pathCode(r))
				check(t, "the cause", causeCode(r.Context()), pathCode(r))
			})
		for path, status := range map[string]int{"/404": 404, "/404?status": 418, "/700": 700, "/301": 301} {
			a := s.get(path)
			a.is(t, path, status, "the page")
			check(t, path+", header Handler", a.header.Get("Handler"), "")
			check(t, path+", header Page", a.header.Get("Page"), pathCode(s.NewRequest("GET", path, nil)).String())
			check(t, path+", Content-Length", a.length, 8)
			s.recorded(status)
			head := s.do(s.NewRequest("HEAD", path, nil))
			head.is(t, "HEAD "+path, status, "")
			check(t, "HEAD "+path+", Content-Length", head.length, 8)
			s.recorded(status)
		}
		s.same()
		check(t, "log", s.Logs(), "")
	})
}

// Codes without a page, and pages that choose a status without a body.
func TestNew_NoBody(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		calls := make(chan exitcode.Code, 10)
		settings := pages(func(w http.ResponseWriter, r *http.Request, code exitcode.Code) {
			calls <- code
			var status int
			fmt.Sscan(r.URL.RawQuery, &status)
			w.WriteHeader(status)
			io.WriteString(w, "the page")
		})
		s := start(t, p, func(h http.Handler) http.Handler { return in(settings(h)) },
			func(w http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), pathCode(r)) })
		for _, code := range []int{200, 202, 204, 299, 304} {
			s.get(fmt.Sprintf("/%d?404", code)).is(t, fmt.Sprintf("Exit(%d)", code), code, "")
		}
		check(t, "pages of 2xx and 304", len(calls), 0)
		for _, status := range []int{204, 304} {
			a := s.get(fmt.Sprintf("/404?%d", status))
			a.is(t, fmt.Sprintf("a page with status %d", status), status, "")
			check(t, "its Content-Length", a.header.Get("Content-Length"), "")
			check(t, "the page's code", <-calls, 404)
		}
		s.get("/404?200").is(t, "a page with status 200", 200, "the page")
		s.same()
		check(t, "log", s.Logs(), "")
	})
}

// A page that panics is none: neither its headers nor what it wrote goes out.
func TestNew_PagePanics(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		settings := pages(func(w http.ResponseWriter, r *http.Request, code exitcode.Code) {
			w.Header().Set("Page", "half")
			w.Header().Set("Content-Type", "text/html")
			w.Header().Del("Handler")
			w.WriteHeader(599)
			io.WriteString(w, "half a p")
			panic("torn page")
		})
		s := start(t, p, func(h http.Handler) http.Handler { return in(settings(h)) },
			func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Handler", "was here")
				exitcode.Exit(r.Context(), pathCode(r))
			})
		for i, path := range []string{"/404", "/503"} {
			a := s.get(path)
			code := int(pathCode(s.NewRequest("GET", path, nil)))
			a.is(t, path, code, "")
			check(t, path+", Content-Length", a.length, 0)
			check(t, path+", header Page", a.header.Get("Page"), "")
			check(t, path+", Content-Type", a.header.Get("Content-Type"), "")
			check(t, path+", header Handler", a.header.Get("Handler"), "was here")
			s.recorded(code)
			synctest.Wait()
			check(t, "times that the panic was logged", strings.Count(s.Logs(), "torn page"), i+1)
		}
		if !strings.Contains(s.Logs(), "page_test.go") {
			t.Errorf("log = %q, want the page's stack", s.Logs())
		}
		s.same()
	})
}
