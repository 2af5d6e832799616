package abort_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// kept runs prepare in a handler, has the client leave an hour before the
// handler returns, and asserts what the context and its children say.
func kept(t *testing.T, ms []mount, wrap func(http.Handler) http.Handler, prepare func(ctx context.Context)) {
	for _, m := range ms {
		t.Run(m.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				families, release := make(chan *family, 1), make(chan struct{})
				h := wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					prepare(r.Context())
					families <- newFamily(r.Context())
					<-release
				}))
				s := start(t, p, m, h.ServeHTTP)
				call := s.Begin(s.NewRequest("GET", "/", nil))
				f := take(t, families, "family")
				defer f.release()
				call.Cancel()
				time.Sleep(time.Hour)
				f.lives(t, "an hour after the client left")
				close(release)
				f.ended(t, context.Canceled, is(context.Canceled))
			})
		})
	}
}

func asIs(h http.Handler) http.Handler { return h }

func TestContext_ClientAborts_CallbackRegistered(t *testing.T) {
	kept(t, mounts, asIs, func(ctx context.Context) { abort.On(ctx, func(context.Context) {}) })
}

func TestContext_ClientAborts_CheckOff(t *testing.T) {
	kept(t, mounts, abort.Ignore, func(context.Context) {})
}

func TestContext_ClientAborts_NoCheck(t *testing.T) {
	none := mount{"exitcode alone", func(_ *lifecycle, h http.Handler) http.Handler {
		return exitcode.New(exitcode.Options{})(h)
	}}
	kept(t, []mount{none}, asIs, func(context.Context) {})
}

func TestContext_Send(t *testing.T) {
	kept(t, mounts[1:], asIs, func(ctx context.Context) { eof.Send(ctx) })
}

// Until the callback exits, the context lives.
func TestContext_ClientAborts_CallbackExits(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		families, release := make(chan *family, 1), make(chan struct{})
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			abort.On(r.Context(), func(ctx context.Context) {
				time.Sleep(time.Hour)
				exitcode.Exit(ctx, exitcode.ClientClosedRequest)
			})
			families <- newFamily(r.Context())
			<-release
		})
		call := s.Begin(s.NewRequest("GET", "/", nil))
		f := take(t, families, "family")
		defer f.release()
		defer close(release)
		call.Cancel()
		time.Sleep(time.Hour - 1)
		f.lives(t, "just before the callback exits")
		time.Sleep(time.Nanosecond)
		f.ended(t, context.Canceled, func(err error) bool {
			e, ok := err.(*exitcode.ExitError)
			return ok && e.Code == exitcode.ClientClosedRequest
		})
	})
}

// Without any lastbyte middleware the context is net/http's.
func TestContext_NoMiddleware(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		ends := make(chan end, 1)
		s := pipenet.Start(t, p, waitEnd(ends))
		call := s.Begin(s.NewRequest("GET", "/", nil))
		synctest.Wait()
		call.Cancel()
		if e := take(t, ends, "the context"); e.cause != context.Canceled {
			t.Errorf("Cause = %v, want net/http's own", e.cause)
		}
	})
}

func TestContext_HandlerReturned_AfterItsThreads(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		ctxs, returned := make(chan context.Context, 1), make(chan struct{}, 1)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			thread.Spawn(r.Context(), func(ctx context.Context) error {
				time.Sleep(time.Hour)
				ctxs <- ctx
				time.Sleep(time.Hour)
				returned <- struct{}{}
				return nil
			})
		})
		s.Begin(s.NewRequest("GET", "/", nil))
		time.Sleep(time.Hour)
		ctx := take(t, ctxs, "the thread's context")
		if ctx.Err() != nil || context.Cause(ctx) != nil {
			t.Errorf("Err, Cause while the thread runs = %v, %v, want nil twice", ctx.Err(), context.Cause(ctx))
		}
		time.Sleep(time.Hour)
		take(t, returned, "the thread's return")
		if context.Cause(ctx) != context.Canceled {
			t.Errorf("Cause after the thread = %v, want %v", context.Cause(ctx), context.Canceled)
		}
	})
}

// Without Detach the outer deadline is seen; with it there is none, so that a
// child's own timeout survives Send.
func TestContext_Deadline(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		type deadline struct {
			at time.Time
			ok bool
		}
		got, begin := make(chan deadline, 1), time.Now()
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			at, ok := r.Context().Deadline()
			got <- deadline{at, ok}
		}, func(srv *http.Server) { srv.Handler = middleware.Timeout(time.Minute)(srv.Handler) })
		mustGet(t, s.Server, "/")
		want := deadline{begin.Add(time.Minute), true}
		if m.name == "detach" {
			want = deadline{}
		}
		if d := take(t, got, "deadline"); d.ok != want.ok || !d.at.Equal(want.at) {
			t.Errorf("Deadline() = %v, %v, want %v, %v", d.at, d.ok, want.at, want.ok)
		}
	})
}

func TestContext_Send_LiftsTheOuterDeadline(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		ends := make(chan end, 2)
		s := start(t, p, mounts[1], func(w http.ResponseWriter, r *http.Request) {
			begin := time.Now()
			child, cancel := context.WithTimeout(r.Context(), time.Hour)
			defer cancel()
			io.WriteString(w, "all of it")
			if err := eof.Send(r.Context()); err != nil {
				t.Errorf("Send() = %v, want nil", err)
			}
			<-child.Done()
			ends <- end{child.Err(), context.Cause(child), time.Since(begin)}
			ends <- end{r.Context().Err(), context.Cause(r.Context()), 0}
		}, func(srv *http.Server) { srv.Handler = middleware.Timeout(time.Minute)(srv.Handler) })
		if status, text := mustGet(t, s.Server, "/"); status != 200 || text != "all of it" {
			t.Errorf("answer = %d %q, want 200, all of it", status, text)
		}
		time.Sleep(time.Hour)
		if e := take(t, ends, "the child's end"); e.err != context.DeadlineExceeded || e.cause != context.DeadlineExceeded || e.at != time.Hour {
			t.Errorf("child ends with %v, %v after %v, want its own deadline after 1h", e.err, e.cause, e.at)
		}
		if e := take(t, ends, "the request's context"); e.err != nil || e.cause != nil {
			t.Errorf("the request's Err, Cause = %v, %v, want nil twice", e.err, e.cause)
		}
	})
}

// Before Send the same child ends with the outer deadline, which Detach hides.
func TestContext_Detach_OuterDeadlineWorksByCancellation(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		ends := make(chan end, 1)
		s := start(t, p, mounts[1], func(w http.ResponseWriter, r *http.Request) {
			begin := time.Now()
			child, cancel := context.WithTimeout(r.Context(), time.Hour)
			defer cancel()
			<-child.Done()
			ends <- end{child.Err(), context.Cause(child), time.Since(begin)}
		}, func(srv *http.Server) { srv.Handler = middleware.Timeout(time.Minute)(srv.Handler) })
		mustGet(t, s.Server, "/")
		if e := take(t, ends, "the child's end"); e.err != context.DeadlineExceeded || !errors.Is(e.cause, context.DeadlineExceeded) || e.at != time.Minute {
			t.Errorf("child ends with %v, %v after %v, want the deadline after 1m", e.err, e.cause, e.at)
		}
	})
}

// What a middleware between Handler and Detach derives dies with the response.
func TestContext_Send_DerivedOutsideOfDetach(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		outer, inner, release := make(chan context.Context, 1), make(chan context.Context, 1), make(chan struct{})
		m := mount{"between", func(l *lifecycle, h http.Handler) http.Handler {
			detached := l.Detach(h)
			return l.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
				defer cancel()
				outer <- ctx
				detached.ServeHTTP(w, r.WithContext(ctx))
			}))
		}}
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context())
			inner <- r.Context()
			<-release
		})
		mustGet(t, s.Server, "/")
		time.Sleep(time.Hour)
		if ctx := take(t, outer, "the middleware's context"); ctx.Err() != context.Canceled {
			t.Errorf("Err() of the middleware's context = %v, want %v", ctx.Err(), context.Canceled)
		}
		if ctx := take(t, inner, "the handler's context"); ctx.Err() != nil || context.Cause(ctx) != nil {
			t.Errorf("Err, Cause of the handler's context = %v, %v, want nil twice", ctx.Err(), context.Cause(ctx))
		}
		close(release)
	})
}

// A child of the context costs no goroutine, as with a context of the std.
func TestContext_ChildrenStartNoGoroutine(t *testing.T) {
	type deriveFunc func(context.Context) (context.Context, context.CancelFunc)
	derive := map[string]deriveFunc{
		"WithCancel": context.WithCancel,
		"WithTimeout": func(c context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(c, time.Hour)
		},
		"AfterFunc": func(c context.Context) (context.Context, context.CancelFunc) {
			stop := context.AfterFunc(c, func() {})
			return c, func() { stop() }
		},
		"of WithValue": func(c context.Context) (context.Context, context.CancelFunc) {
			return context.WithCancel(context.WithValue(c, familyKey{}, 1))
		},
	}
	for name, f := range derive {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, p pipenet.Proto, m mount) {
				ctxs, release := make(chan context.Context, 1), make(chan struct{})
				s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
					ctxs <- r.Context()
					<-release
				})
				s.Begin(s.NewRequest("GET", "/", nil))
				ctx := take(t, ctxs, "context")
				before := runtime.NumGoroutine()
				for range 100 {
					child, cancel := f(ctx)
					defer cancel()
					child.Done()
				}
				synctest.Wait()
				if after := runtime.NumGoroutine(); after > before { // goroutines of other tests may still end
					t.Errorf("100 children started %d goroutines, want none", after-before)
				}
				close(release)
			})
		})
	}
}
