package abort_test

import (
	"context"
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

// over asserts that ctx has ended in this way.
func over(t *testing.T, ctx context.Context, err error, cause func(error) bool) {
	t.Helper()
	synctest.Wait()
	if ctx.Err() != err || !cause(context.Cause(ctx)) {
		t.Errorf("Err, Cause = %v, %v, want %v and its cause", ctx.Err(), context.Cause(ctx), err)
	}
	select {
	case <-ctx.Done():
	default:
		t.Error("Done is open, want closed")
	}
}

// alive asserts that ctx has not ended.
func alive(t *testing.T, ctx context.Context) {
	t.Helper()
	synctest.Wait()
	select {
	case <-ctx.Done():
		t.Error("Done is closed, want open")
	default:
	}
	if ctx.Err() != nil || context.Cause(ctx) != nil {
		t.Errorf("Err, Cause = %v, %v, want nil twice", ctx.Err(), context.Cause(ctx))
	}
}

func TestShield_AbortDoesNotCancel(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, call, release := inHandler(t, p, m, asIs)
		before := abort.Shield(context.WithValue(ctx, valueKey{}, "kept"))
		call.Leave(aborttest.Timeout)
		synctest.Wait()
		if ctx.Err() == nil {
			t.Fatal("the request's context lives, want it cancelled by the abort")
		}
		alive(t, before)
		child, cancel := context.WithCancel(before)
		defer cancel()
		alive(t, child)
		if before.Value(valueKey{}) != "kept" {
			t.Errorf("Value() = %v, want kept", before.Value(valueKey{}))
		}
		after := abort.Shield(ctx)
		alive(t, after)

		release()
		ended(t, call)
		over(t, before, context.Canceled, is(context.Canceled))
		over(t, child, context.Canceled, is(context.Canceled))
		over(t, after, context.Canceled, is(context.Canceled))
		over(t, abort.Shield(ctx), context.Canceled, is(context.Canceled))
	})
}

func TestShield_EndOfTheRequest(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, _, release := inHandler(t, p, m, asIs)
		shielded := abort.Shield(ctx)
		alive(t, shielded)
		release()
		over(t, shielded, context.Canceled, is(context.Canceled))
		over(t, abort.Shield(ctx), context.Canceled, is(context.Canceled))
	})
}

func isExit(code exitcode.Code) func(error) bool {
	return func(err error) bool {
		e, ok := err.(*exitcode.ExitError)
		return ok && e.Code == code
	}
}

func TestShield_ExitCancels(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, _, release := inHandler(t, p, m, asIs)
		defer release()
		shielded := abort.Shield(ctx)
		exitcode.Exit(ctx, 503)
		over(t, shielded, context.Canceled, isExit(503))
	})
}

// The callback's exit is an exit.
func TestShield_CallbackExits(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, call, release := inHandler(t, p, m, asIs)
		defer release()
		abort.On(ctx, func(ctx context.Context) {
			time.Sleep(time.Hour)
			exitcode.Exit(ctx, exitcode.ClientClosedRequest)
		})
		shielded := abort.Shield(ctx)
		call.Leave(aborttest.Timeout)
		alive(t, shielded)
		time.Sleep(time.Hour)
		over(t, shielded, context.Canceled, isExit(exitcode.ClientClosedRequest))
	})
}

func TestShield_DeadlineCancels(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		t.Run(map[bool]string{false: "client there", true: "client left"}[leaves], func(t *testing.T) {
			each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
				_, ctx, call, release := inHandler(t, p, m, asIs)
				defer release()
				ctx, cancel := context.WithTimeout(ctx, time.Hour)
				defer cancel()
				shielded := abort.Shield(ctx)
				if leaves {
					call.Leave(aborttest.Timeout)
				}
				time.Sleep(time.Hour - 1)
				alive(t, shielded)
				time.Sleep(time.Nanosecond)
				over(t, shielded, context.DeadlineExceeded, is(context.DeadlineExceeded))
			})
		})
	}
}

// The deadline of a middleware around lastbyte counts as well.
func TestShield_OuterDeadlineCancels(t *testing.T) {
	run(t, func(t *testing.T, p aborttest.Protocol) {
		shields, release := make(chan context.Context, 1), make(chan struct{})
		s := start(t, p, mounts[0], func(w http.ResponseWriter, r *http.Request) {
			shields <- abort.Shield(r.Context())
			<-release
		}, func(srv *http.Server) { srv.Handler = middleware.Timeout(time.Minute)(srv.Handler) })
		defer close(release)
		call := s.Get("/")
		shielded := take(t, shields, "shield")
		call.Leave(aborttest.Timeout)
		alive(t, shielded)
		time.Sleep(time.Minute)
		over(t, shielded, context.DeadlineExceeded, is(context.DeadlineExceeded))
	})
}

// A cancel of the context that Shield was given is not the client's doing.
func TestShield_OwnCancel(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, _, release := inHandler(t, p, m, asIs)
		defer release()
		ctx, cancel := context.WithCancelCause(ctx)
		shielded := abort.Shield(ctx)
		cancel(errOuter)
		over(t, shielded, context.Canceled, is(errOuter))
	})
}

func TestShield_ForcedShutdownCancels(t *testing.T) {
	run(t, func(t *testing.T, p aborttest.Protocol) {
		s, ctx, _, release := inHandler(t, p, mounts[1], asIs)
		defer release()
		shielded := abort.Shield(ctx)
		eof.Send(ctx)
		alive(t, shielded)
		expired, cancel := context.WithCancel(context.Background())
		cancel()
		s.Lifecycle().Shutdown(expired)
		over(t, shielded, context.Canceled, is(eof.ErrShuttingDown))
	})
}

func TestShield_NoRequest(t *testing.T) {
	ctx := context.WithValue(t.Context(), valueKey{}, 1)
	if got := abort.Shield(ctx); got != ctx {
		t.Errorf("Shield() outside = %v, want ctx itself", got)
	}
}

// Many shields of one request leave nothing behind.
func TestShield_Twice(t *testing.T) {
	run(t, func(t *testing.T, p aborttest.Protocol) {
		var shields [3]context.Context
		made, release := make(chan struct{}, 1), make(chan struct{})
		s := start(t, p, mounts[0], func(w http.ResponseWriter, r *http.Request) {
			shields[0] = abort.Shield(r.Context())
			shields[1] = abort.Shield(shields[0])
			shields[2] = abort.Shield(r.Context())
			made <- struct{}{}
			<-release
		})
		call := s.Get("/")
		take(t, made, "shields")
		call.Leave(aborttest.Timeout)
		for _, ctx := range shields {
			alive(t, ctx)
		}
		close(release)
		for _, ctx := range shields {
			over(t, ctx, context.Canceled, is(context.Canceled))
		}
	})
}
