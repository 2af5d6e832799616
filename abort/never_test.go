package abort_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// never registers a callback that must not run.
func never(t *testing.T, ctx context.Context) {
	t.Helper()
	if err := abort.On(ctx, func(context.Context) { t.Error("the callback ran, want no abort") }); err != nil {
		t.Errorf("On() = %v, want nil", err)
	}
}

// stayed asserts that the next request to end was not an abort.
func (s *scene) stayed(t *testing.T, status int) {
	t.Helper()
	if o := take(t, s.ended, "OnEnd"); o.Status != status || o.Abort != nil {
		t.Errorf("Outcome = %d, %v, want %d, no abort", o.Status, o.Abort, status)
	}
	if st := s.life.Stats(); st.Aborts != 0 {
		t.Errorf("Stats().Aborts = %d, want 0", st.Aborts)
	}
}

func TestN1_HandlerReturns(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		kept := make(chan context.Context, 2)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			never(t, r.Context())
			io.WriteString(w, r.URL.Path)
			kept <- r.Context()
		})
		for _, path := range []string{"/1", "/2"} {
			if status, text := mustGet(t, s.Server, path); status != 200 || text != path {
				t.Errorf("Get(%q) = %d %q, want 200, the path", path, status, text)
			}
			s.stayed(t, 200)
			ctx := take(t, kept, "context")
			if ctx.Err() != context.Canceled || context.Cause(ctx) != context.Canceled {
				t.Errorf("Err, Cause after the return = %v, %v, want context canceled twice", ctx.Err(), context.Cause(ctx))
			}
			if e, ok := abort.Cause(ctx); ok {
				t.Errorf("abort.Cause() after the return = %v, want none", e)
			}
		}
		if n := len(s.Conns()); n != 1 {
			t.Errorf("2 requests took %d connections, want 1", n)
		}
		last(s.Server).Reset()
		synctest.Wait()
	})
}

func TestN4_ChildCancelled(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			never(t, r.Context())
			ctx, cancel := context.WithCancel(r.Context())
			cancel()
			if e, ok := abort.Cause(ctx); ok {
				t.Errorf("abort.Cause(cancelled child) = %v, want none", e)
			}
			if err := abort.Wrap(ctx, ctx.Err()); err != context.Canceled {
				t.Errorf("abort.Wrap(cancelled child, Canceled) = %v, want it unchanged", err)
			}
			if err := r.Context().Err(); err != nil {
				t.Errorf("the request's Err() = %v, want nil", err)
			}
		})
		mustGet(t, s.Server, "/")
		s.stayed(t, 200)
	})
}

// chi's Timeout inside and outside of the check.
func TestN4_ChiTimeout(t *testing.T) {
	timeout := middleware.Timeout(time.Minute)
	for _, place := range []string{"inside", "outside"} {
		t.Run(place, func(t *testing.T) {
			each(t, func(t *testing.T, p pipenet.Proto, m mount) {
				errs := make(chan error, 2)
				work := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					never(t, r.Context())
					<-r.Context().Done()
					errs <- r.Context().Err()
					_, ok := abort.Cause(r.Context())
					errs <- map[bool]error{true: errors.New("an abort")}[ok]
				})
				inside := work
				if place == "inside" {
					inside = timeout(work).ServeHTTP
				}
				s := start(t, p, m, inside, func(srv *http.Server) {
					if place == "outside" {
						srv.Handler = timeout(srv.Handler)
					}
				})
				status, _ := mustGet(t, s.Server, "/")
				if err := take(t, errs, "Err"); err != context.DeadlineExceeded {
					t.Errorf("Err() = %v, want %v", err, context.DeadlineExceeded)
				}
				if err := take(t, errs, "Cause"); err != nil {
					t.Errorf("abort.Cause() says %v, want none", err)
				}
				if status != http.StatusGatewayTimeout {
					t.Errorf("status = %d, want chi's 504", status)
				}
				s.stayed(t, map[string]int{"inside": 504, "outside": 200}[place]) // what passed by lastbyte
			})
		})
	}
}

func TestN5_ClosedAfterSend(t *testing.T) {
	for _, d := range []departure{cancels, closes, resets} {
		t.Run(d.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				left, worked := make(chan struct{}), make(chan error, 2)
				s := start(t, p, mounts[1], func(w http.ResponseWriter, r *http.Request) {
					never(t, r.Context())
					io.WriteString(w, "all of it")
					worked <- eof.Send(r.Context())
					<-left
					select {
					case <-r.Context().Done():
					case <-time.After(time.Hour):
					}
					if e, ok := abort.Cause(r.Context()); ok {
						t.Errorf("abort.Cause() = %v, want none", e)
					}
					worked <- r.Context().Err()
				})
				call := s.Begin(s.NewRequest("GET", "/", nil))
				if err := take(t, worked, "Send"); err != nil {
					t.Errorf("Send() = %v, want nil", err)
				}
				if res, err := call.Wait(); err != nil {
					t.Errorf("response = %v, want one", err)
				} else if text, err := body(res); text != "all of it" || err != nil {
					t.Errorf("body = %q, %v, want all of it", text, err)
				}
				d.leave(s.Server, call)
				close(left)
				none(t, worked, "the context after the client left")
				time.Sleep(time.Hour)
				if err := take(t, worked, "work"); err != nil {
					t.Errorf("Err() an hour after the client left = %v, want nil", err)
				}
				s.stayed(t, 200)
			})
		})
	}
}

func TestN5_ClosedAfterTheResponse(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		worked := make(chan error, 1)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			never(t, r.Context())
			eof.Defer(r.Context(), func(ctx context.Context) {
				time.Sleep(time.Hour)
				_, aborted := abort.Cause(ctx)
				worked <- errors.Join(ctx.Err(), map[bool]error{true: abort.ErrClientAborted}[aborted])
			})
		})
		mustGet(t, s.Server, "/")
		last(s.Server).Reset()
		time.Sleep(time.Hour)
		if err := take(t, worked, "deferred work"); err != nil {
			t.Errorf("deferred work: %v, want it undisturbed", err)
		}
		s.stayed(t, 200)
	})
}

func TestN6_TheCloseIsOurs(t *testing.T) {
	for _, code := range []exitcode.Code{exitcode.Close, exitcode.ClientClosedRequest, 408, exitcode.Error} {
		t.Run(fmt.Sprint(int(code)), func(t *testing.T) {
			each(t, func(t *testing.T, p pipenet.Proto, m mount) {
				s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
					never(t, r.Context())
					exitcode.Exit(r.Context(), code)
					time.Sleep(time.Hour) // the client sees the end, and closes as well
					if e, ok := abort.Cause(r.Context()); ok {
						t.Errorf("abort.Cause() = %v, want none", e)
					}
				})
				if res, err := s.Get("/"); err == nil {
					t.Errorf("Get() = %v, want an error", res.Status)
				}
				time.Sleep(time.Hour)
				s.stayed(t, max(int(code), 0))
			})
		})
	}
}
