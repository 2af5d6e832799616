package abort_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/thread"
)

// kept runs prepare in a handler, has the client leave an hour before the
// handler returns, and asserts what the context and its children say.
func kept(t *testing.T, ms []mount, wrap func(http.Handler) http.Handler, prepare func(ctx context.Context)) {
	for _, m := range ms {
		t.Run(m.name, func(t *testing.T) {
			run(t, func(t *testing.T, p aborttest.Protocol) {
				families, release := make(chan *family, 1), make(chan struct{})
				h := wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					prepare(r.Context())
					families <- newFamily(r.Context())
					<-release
				}))
				s := start(t, p, m, h.ServeHTTP)
				call := s.Get("/")
				f := take(t, families, "family")
				defer f.release()
				call.Leave(aborttest.Timeout)
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
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		families, release := make(chan *family, 1), make(chan struct{})
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			abort.On(r.Context(), func(ctx context.Context) {
				time.Sleep(time.Hour)
				exitcode.Exit(ctx, exitcode.ClientClosedRequest)
			})
			families <- newFamily(r.Context())
			<-release
		})
		call := s.Get("/")
		f := take(t, families, "family")
		defer f.release()
		defer close(release)
		call.Leave(aborttest.Timeout)
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
	run(t, func(t *testing.T, p aborttest.Protocol) {
		ends := make(chan end, 1)
		s := start(t, p, alone, waitEnd(ends))
		call := s.Get("/")
		synctest.Wait()
		call.Leave(aborttest.Timeout)
		if e := take(t, ends, "the context"); e.cause != context.Canceled {
			t.Errorf("Cause = %v, want net/http's own", e.cause)
		}
	})
}

func TestContext_HandlerReturned_AfterItsThreads(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
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
		s.Get("/")
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

// What a middleware between Handler and Detach derives dies with the response.
func TestContext_Send_DerivedOutsideOfDetach(t *testing.T) {
	run(t, func(t *testing.T, p aborttest.Protocol) {
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
		s.Get("/").Response()
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
