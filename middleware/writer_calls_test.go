package middleware_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// A Hijacker that only Unwrap leads to is reachable, and noticed as hijacked.
func TestWriter_HijackThroughUnwrap(t *testing.T) {
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended := make(chan middleware.Outcome, 1)
				life := newLife(t, middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { ended <- o }})
				h := m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					c, _, err := http.NewResponseController(w).Hijack()
					if err != nil {
						t.Errorf("Hijack() = %v, want nil", err)
						return
					}
					io.WriteString(c, "raw")
					c.Close()
				}))
				s := pipenet.Start(t, pipenet.HTTP1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					h.ServeHTTP(struct {
						bare
						unwrapper
					}{bare{w}, unwrapper{w}}, r)
				}))
				c := s.Dial()
				io.WriteString(c, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
				if got, err := io.ReadAll(c); string(got) != "raw" || err != nil {
					t.Errorf("client reads %q, %v, want raw", got, err)
				}
				if o := take(t, ended, "OnEnd"); !o.Hijacked || o.Status != 101 {
					t.Errorf("Outcome = %+v, want hijacked, 101", o)
				}
			})
		})
	}
}

// What the writer below cannot do stays http.ErrNotSupported.
func TestWriter_Unsupported(t *testing.T) {
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			life := newLife(t, middleware.Options{})
			h := m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				rc := http.NewResponseController(w)
				_, _, hijack := rc.Hijack()
				for name, err := range map[string]error{
					"Hijack": hijack, "Flush": rc.Flush(), "EnableFullDuplex": rc.EnableFullDuplex(),
					"SetReadDeadline": rc.SetReadDeadline(time.Time{}), "SetWriteDeadline": rc.SetWriteDeadline(time.Time{}),
				} {
					if !errors.Is(err, http.ErrNotSupported) {
						t.Errorf("%s = %v, want %v", name, err, http.ErrNotSupported)
					}
				}
			}))
			h.ServeHTTP(bare{httptest.NewRecorder()}, httptest.NewRequest("GET", "http://example.com/", nil))
		})
	}
}

// The rare ones work, too.
func TestWriter_CloseNotify(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		begun, notified := make(chan struct{}, 1), make(chan bool, 1)
		s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			gone := w.(interface{ CloseNotify() <-chan bool }).CloseNotify()
			begun <- struct{}{}
			notified <- <-gone
		})
		call := s.Begin(s.NewRequest("GET", "/", nil))
		take(t, begun, "request")
		none(t, notified, "CloseNotify while the client is there")
		call.Cancel()
		if !take(t, notified, "CloseNotify") {
			t.Error("CloseNotify gives false, want true")
		}
	})
}

func TestWriter_Push(t *testing.T) {
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				errs := make(chan error, 2)
				push := func(w http.ResponseWriter, r *http.Request) {
					errs <- w.(http.Pusher).Push("/style.css", nil)
				}
				get(t, start(t, pipenet.HTTP2, m, middleware.Options{}, push).Server, "/")
				get(t, pipenet.Start(t, pipenet.HTTP2, http.HandlerFunc(push)), "/")
				got, want := take(t, errs, "Push inside"), take(t, errs, "Push without lastbyte")
				if got != want || want == nil {
					t.Errorf("Push() to a client that wants none = %v, without lastbyte %v, want the same error", got, want)
				}
			})
		})
	}
}
