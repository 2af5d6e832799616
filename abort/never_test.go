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
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

// never registers a callback that must not run.
func never(t *testing.T, ctx context.Context) {
	t.Helper()
	if err := abort.On(ctx, func(context.Context) { t.Error("the callback ran, want no abort") }); err != nil {
		t.Errorf("On() = %v, want nil", err)
	}
}

// stayed asserts that the last request was not an abort.
func stayed(t *testing.T, s *aborttest.Client, status int) {
	t.Helper()
	if o := ended(t, last(s)); o.Status != status || o.Abort != nil {
		t.Errorf("Outcome = %d, %v, want %d, no abort", o.Status, o.Abort, status)
	}
	if st := s.Lifecycle().Stats(); st.Aborts != 0 {
		t.Errorf("Stats().Aborts = %d, want 0", st.Aborts)
	}
}

func TestN1_HandlerReturns(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		kept := make(chan context.Context, 2)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			never(t, r.Context())
			io.WriteString(w, r.RemoteAddr)
			kept <- r.Context()
		})
		var from [2]string
		for i := range from {
			if r := s.Get("/").Response(); r.Status != 200 || r.Err != nil {
				t.Errorf("Get(/) = %+v, want 200", r)
			} else {
				from[i] = r.Body
			}
			stayed(t, s, 200)
			ctx := take(t, kept, "context")
			if ctx.Err() != context.Canceled || context.Cause(ctx) != context.Canceled {
				t.Errorf("Err, Cause after the return = %v, %v, want context canceled twice", ctx.Err(), context.Cause(ctx))
			}
			if e, ok := abort.Cause(ctx); ok {
				t.Errorf("abort.Cause() after the return = %v, want none", e)
			}
		}
		if from[0] != from[1] {
			t.Errorf("2 requests came from %q, want 1 connection", from)
		}
		last(s).Leave(aborttest.Reset)
		synctest.Wait()
	})
}

func TestN4_ChildCancelled(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
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
		s.Get("/").Response()
		stayed(t, s, 200)
	})
}

// chi's Timeout inside and outside of the check.
func TestN4_ChiTimeout(t *testing.T) {
	timeout := middleware.Timeout(time.Minute)
	for _, place := range []string{"inside", "outside"} {
		t.Run(place, func(t *testing.T) {
			each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
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
				status := s.Get("/").Response().Status
				if err := take(t, errs, "Err"); err != context.DeadlineExceeded {
					t.Errorf("Err() = %v, want %v", err, context.DeadlineExceeded)
				}
				if err := take(t, errs, "Cause"); err != nil {
					t.Errorf("abort.Cause() says %v, want none", err)
				}
				if status != http.StatusGatewayTimeout {
					t.Errorf("status = %d, want chi's 504", status)
				}
				stayed(t, s, map[string]int{"inside": 504, "outside": 200}[place]) // what passed by lastbyte
			})
		})
	}
}

func TestN5_ClosedAfterSend(t *testing.T) {
	for _, how := range []aborttest.Way{aborttest.Timeout, aborttest.Close, aborttest.Reset} {
		t.Run(string(how), func(t *testing.T) {
			run(t, func(t *testing.T, p aborttest.Protocol) {
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
				call := s.Get("/")
				if err := take(t, worked, "Send"); err != nil {
					t.Errorf("Send() = %v, want nil", err)
				}
				if r := call.Response(); r.Body != "all of it" || r.Err != nil {
					t.Errorf("response = %+v, want all of it", r)
				}
				call.Leave(how)
				close(left)
				none(t, worked, "the context after the client left")
				time.Sleep(time.Hour)
				if err := take(t, worked, "work"); err != nil {
					t.Errorf("Err() an hour after the client left = %v, want nil", err)
				}
				stayed(t, s, 200)
			})
		})
	}
}

func TestN5_ClosedAfterTheResponse(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		worked := make(chan error, 1)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			never(t, r.Context())
			eof.Defer(r.Context(), func(ctx context.Context) {
				time.Sleep(time.Hour)
				_, aborted := abort.Cause(ctx)
				worked <- errors.Join(ctx.Err(), map[bool]error{true: abort.ErrClientAborted}[aborted])
			})
		})
		call := s.Get("/")
		call.Response()
		call.Leave(aborttest.Reset)
		time.Sleep(time.Hour)
		if err := take(t, worked, "deferred work"); err != nil {
			t.Errorf("deferred work: %v, want it undisturbed", err)
		}
		stayed(t, s, 200)
	})
}

func TestN6_TheCloseIsOurs(t *testing.T) {
	for _, code := range []exitcode.Code{exitcode.Close, exitcode.ClientClosedRequest, 408, exitcode.Error} {
		t.Run(fmt.Sprint(int(code)), func(t *testing.T) {
			each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
				s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
					never(t, r.Context())
					exitcode.Exit(r.Context(), code)
					time.Sleep(time.Hour) // the client sees the end, and closes as well
					if e, ok := abort.Cause(r.Context()); ok {
						t.Errorf("abort.Cause() = %v, want none", e)
					}
				})
				if r := s.Get("/").Response(); r.Err == nil {
					t.Errorf("Get() = %+v, want an error", r)
				}
				time.Sleep(time.Hour)
				stayed(t, s, max(int(code), 0))
			})
		})
	}
}
