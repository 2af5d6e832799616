package exitcode_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// An ErrorPage that uses the verbs itself changes nothing of the ending.
func TestHostile_PageUsesTheVerbs(t *testing.T) {
	for what, page := range map[string]func(w http.ResponseWriter, r *http.Request){
		"exits": func(w http.ResponseWriter, r *http.Request) { _ = exitcode.Exit(r.Context(), 500) },
		"drops": func(w http.ResponseWriter, r *http.Request) { _ = exitcode.Exit(r.Context(), 444) },
		"sends": func(w http.ResponseWriter, r *http.Request) { _ = eof.Send(r.Context()) },
		"spawns": func(w http.ResponseWriter, r *http.Request) {
			_, _ = thread.Spawn(r.Context(), func(context.Context) error { return nil })
		},
		"asks": func(w http.ResponseWriter, r *http.Request) {
			_, _ = abort.Cause(r.Context())
			_ = abort.On(r.Context(), func(context.Context) {})
		},
		"defers": func(w http.ResponseWriter, r *http.Request) { _ = eof.Defer(r.Context(), func(context.Context) {}) },
		"control": func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			w.WriteHeader(99)
		},
		"reads": func(w http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body); _ = r.ParseForm() },
	} {
		for _, cut := range []string{"", "throws", "goexit", "panics", "aborts"} {
			if cut != "" && what != "exits" {
				continue // one is enough
			}
			t.Run(what+" "+cut, func(t *testing.T) {
				opts := exitcode.Options{ErrorPage: func(w http.ResponseWriter, r *http.Request, code exitcode.Code) {
					page(w, r)
					fmt.Fprintf(w, "page of %d", int(code))
					switch cut {
					case "throws":
						exitcode.Throw(r.Context(), 500)
					case "goexit":
						runtime.Goexit()
					case "panics":
						panic("page")
					case "aborts":
						panic(http.ErrAbortHandler)
					}
				}}
				want := "page of 404"
				if cut != "" {
					want = ""
				}
				pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
					for name, in := range towers(t) {
						s := start(t, p, func(h http.Handler) http.Handler { return in(exitcode.New(opts)(h)) }, func(w http.ResponseWriter, r *http.Request) {
							_ = exitcode.Exit(r.Context(), 404)
						})
						a := s.do(s.NewRequest("POST", "/", strings.NewReader("some=body"))).decoded()
						if strings.HasPrefix(a.body, "\x1f\x8b") {
							a = a.decoded()
						}
						a.is(t, name, 404, want)
						s.recorded(404)
					}
				})
			})
		}
	}
}

// HeaderFilters in a tower: each sees the status that goes out, once.
func TestHostile_FiltersInATower(t *testing.T) {
	for _, c := range []struct {
		name   string
		h      handlerFunc
		filter func(ctx context.Context, status int) exitcode.Code // the inner one
		status int
		body   string
	}{
		{"inner exits on 200", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, strings.Repeat("secret", 1000)) },
			func(ctx context.Context, status int) exitcode.Code {
				if status == 200 {
					return 404
				}
				return 0
			}, 404, page404},
		{"inner throws", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, strings.Repeat("secret", 1000)) },
			func(ctx context.Context, status int) exitcode.Code { exitcode.Throw(ctx, 404); return 0 }, 404, page404},
		{"inner throws OK", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "mine") },
			func(ctx context.Context, status int) exitcode.Code { exitcode.Throw(ctx, exitcode.OK); return 0 }, 200, "mine"},
		{"inner exits on an exit", func(w http.ResponseWriter, r *http.Request) { _ = exitcode.Exit(r.Context(), 404) },
			func(ctx context.Context, status int) exitcode.Code { return 500 }, 404, page404},
		{"inner exits on a silent handler", func(w http.ResponseWriter, r *http.Request) {},
			func(ctx context.Context, status int) exitcode.Code { return 404 }, 404, page404},
		{"inner exits on Send", func(w http.ResponseWriter, r *http.Request) { _ = eof.Send(r.Context()) },
			func(ctx context.Context, status int) exitcode.Code { return 404 }, 404, page404},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				for name, in := range towers(t) {
					var seen []int
					outer := exitcode.HeaderFilter(func(r *http.Request, status int, h http.Header) exitcode.Code {
						seen = append(seen, status)
						h.Set("Seen", fmt.Sprint(status))
						return 0
					})
					inner := exitcode.HeaderFilter(func(r *http.Request, status int, h http.Header) exitcode.Code { return c.filter(r.Context(), status) })
					s := start(t, p, func(h http.Handler) http.Handler { return outer(in(inner(h))) }, c.h)
					a := s.get("/").decoded()
					if strings.HasPrefix(a.body, "\x1f\x8b") {
						a = a.decoded()
					}
					a.is(t, name, c.status, c.body)
					s.recorded(c.status)
					synctest.Wait()
					if len(seen) != 1 || seen[0] != c.status || a.header.Get("Seen") != fmt.Sprint(c.status) {
						t.Errorf("%s: the outer filter saw %v, header %q, want %d", name, seen, a.header.Get("Seen"), c.status)
					}
				}
			})
		})
	}
}
