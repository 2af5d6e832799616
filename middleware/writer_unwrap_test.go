package middleware_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// unwrapped follows Unwrap to its end, as some code does that looks for a writer
// of its own.
func unwrapped(w http.ResponseWriter) http.ResponseWriter {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = u.Unwrap()
	}
}

// Where Unwrap ends there is a writer that can be used, at
// any time, and under Detach no way around the gate.
func TestWriter_UnwrapNeverEndsWithNil(t *testing.T) {
	for _, c := range wrappers {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, p pipenet.Proto, m mount) {
				kept := make(chan http.ResponseWriter, 2)
				life := newLife(t, middleware.Options{})
				h := m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					end := unwrapped(w)
					if end == nil {
						t.Fatal("Unwrap ends with nil, want a writer")
					}
					io.WriteString(end, "written at the end")
					kept <- w
					kept <- end
				}))
				s := pipenet.Start(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					h.ServeHTTP(c.wrap(w, r), r)
				}))
				if status, text := get(t, s, "/"); status != 200 || text != "written at the end" {
					t.Errorf("answer = %d %q, want what was written", status, text)
				}
				w, end := take(t, kept, "writer"), take(t, kept, "end")
				if unwrapped(w) == nil {
					t.Error("after the response Unwrap ends with nil, want a writer")
				}
				if m.name != "Detach" {
					return // the end is net/http's own writer, which nobody may touch any more
				}
				end.Header().Set("X", "late")
				end.WriteHeader(500)
				if _, err := end.Write([]byte("late")); err == nil {
					t.Error("Write() after the response = nil, want an error")
				}
			})
		})
	}
}

// A writer does not claim Hijack, not even behind Unwrap, where nothing below
// has it: coder/websocket sends 101 to whatever claims it.
func TestWriter_UnwrapClaimsNoHijack(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		for _, c := range wrappers {
			claims := func(w http.ResponseWriter) bool {
				for {
					if _, ok := w.(http.Hijacker); ok {
						return true
					}
					u, ok := w.(interface{ Unwrap() http.ResponseWriter })
					if !ok {
						return false
					}
					w = u.Unwrap()
				}
			}
			var want, got bool
			life := newLife(t, middleware.Options{})
			h := m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = claims(w) }))
			s := pipenet.Start(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w = c.wrap(w, r)
				want = claims(w)
				h.ServeHTTP(w, r)
			}))
			get(t, s, "/")
			if got != want {
				t.Errorf("%s: Hijack is found: %v, without lastbyte %v", c.name, got, want)
			}
		}
	})
}

// A handler under Detach that serves another lastbyte
// service with a context of its own. Its exit, with the body unread, is answered.
func TestInProcess_ExitWithUnreadBodyInsideDetach(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		for _, in := range mounts {
			for _, code := range []exitcode.Code{404, 413} {
				life, inner := newLife(t, middleware.Options{}), newLife(t, middleware.Options{})
				service := in.wrap(inner, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					exitcode.Exit(r.Context(), code)
				}))
				s := pipenet.Start(t, p, m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					service.ServeHTTP(w, r.WithContext(context.Background()))
				})))
				body, client := io.Pipe()
				res, err := s.Do(s.NewRequest("POST", "/", body))
				if err != nil {
					t.Fatalf("Do() = %v, want %d", err, code)
				}
				if res.StatusCode != int(code) {
					t.Errorf("status %d, want %d", res.StatusCode, code)
				}
				res.Body.Close()
				client.Close()
			}
		}
	})
}

// The same without a connection, and around a writer whose Unwrap gives nil.
func TestInProcess_UnwrapGivesNil(t *testing.T) {
	for _, m := range mounts {
		life := newLife(t, middleware.Options{})
		h := m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			exitcode.Exit(r.Context(), 404)
		}))
		rec := httptest.NewRecorder()
		h.ServeHTTP(struct {
			bare
			unwrapper
		}{bare{rec}, unwrapper{nil}}, httptest.NewRequest("POST", "/", strings.NewReader("unread")))
		if rec.Code != 404 {
			t.Errorf("%s: status %d, want 404", m.name, rec.Code)
		}
	}
}
