package exitcode_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// Without a setting the page is that of PlainText, byte for byte: status, header and body,
// whatever the handler has set and whatever stands around it.
func TestPlainText_IsTheDefault(t *testing.T) {
	chains := between()
	chains["nothing"] = bare
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for _, name := range slices.Sorted(maps.Keys(chains)) {
			handler := func(w http.ResponseWriter, r *http.Request) {
				for _, field := range []string{"Content-Type", "X-Content-Type-Options", "Content-Length", "Etag", "Kept"} {
					w.Header().Set(field, "7")
				}
				if r.URL.RawQuery == "" {
					exitcode.Exit(r.Context(), pathCode(r))
					return
				}
				exitcode.ExitWith(r.Context(), &exitcode.ExitError{Code: pathCode(r), Detail: r.URL.RawQuery})
			}
			s := start(t, p, func(h http.Handler) http.Handler { return in(chains[name](exitcode.Phase(goesOn)(h))) }, handler)
			plain := start(t, p, func(h http.Handler) http.Handler {
				return in(chains[name](pages(exitcode.PlainText)(exitcode.Phase(goesOn)(h))))
			}, handler)
			for _, path := range []string{"/300", "/404", "/413", "/503", "/700", "/999", "/404?why", "/503?why", "/204", "/200", "/304"} {
				for _, method := range []string{"GET", "HEAD"} {
					got, want := s.do(s.NewRequest(method, path, nil)), plain.do(plain.NewRequest(method, path, nil))
					if text, is := sent(got), sent(want); text != is || got.err != nil || want.err != nil {
						t.Errorf("%s %s, %s: the default page is\n%s (%v)\nPlainText's is\n%s (%v)", method, path, name, text, got.err, is, want.err)
					}
				}
			}
		}
	})
}

// A middleware that changes the header of one page in place changes no other page.
func TestPlainText_NothingIsShared(t *testing.T) {
	spoil := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			if r.URL.Path != "/404" || r.URL.RawQuery == "" {
				return
			}
			for _, values := range w.Header() {
				clear(values)
				_ = append(values, "over the next")
			}
		})
	}
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, func(h http.Handler) http.Handler { return spoil(in(h)) },
			func(w http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), pathCode(r)) })
		want := sent(s.get("/404"))
		s.get("/404?spoil")
		check(t, "the page after one that was changed", sent(s.get("/404")), want)
	})
}

func goesOn(http.ResponseWriter, *http.Request) exitcode.Code { return exitcode.OK }

// sent is all of a response but its Date.
func sent(a answer) string {
	h := a.header.Clone()
	h.Del("Date")
	return fmt.Sprintf("%d %v %d %q", a.status, h, a.length, a.body)
}
