package abort_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

// inHandler gives the test a request's context while its handler runs, and the
// call of its client.
func inHandler(t *testing.T, p aborttest.Protocol, m mount, wrap func(http.Handler) http.Handler) (*aborttest.Client, context.Context, *aborttest.Call, func()) {
	t.Helper()
	ctxs, release := make(chan context.Context, 1), make(chan struct{})
	h := wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctxs <- r.Context()
		<-release
	}))
	s := start(t, p, m, h.ServeHTTP)
	call := s.Get("/")
	return s, take(t, ctxs, "the handler's context"), call, func() { close(release) }
}

func TestCause(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, call, release := inHandler(t, p, m, asIs)
		defer release()
		child, cancel := context.WithCancel(context.WithValue(ctx, valueKey{}, 1))
		defer cancel()
		if e, ok := abort.Cause(child); e != nil || ok {
			t.Errorf("Cause() while the client is there = %v, %v, want nil, false", e, ok)
		}
		time.Sleep(1500 * time.Microsecond)
		call.Leave(aborttest.Timeout)
		synctest.Wait()
		e, ok := abort.Cause(child)
		if !ok || e.Reason != abort.Unverified || e.After != 1500*time.Microsecond {
			t.Fatalf("Cause() = %v, %v, want unverified after 1.5ms, true", e, ok)
		}
		if again, ok := abort.Cause(ctx); again != e || !ok || context.Cause(ctx) != error(e) {
			t.Errorf("Cause() again = %v, %v, context.Cause() = %v, want the same error", again, ok, context.Cause(ctx))
		}
	})
}

// The cause can be asked for when the request has ended, also if nobody did before.
func TestCause_AfterTheRequest(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, call, release := inHandler(t, p, m, asIs)
		time.Sleep(time.Second)
		call.Leave(aborttest.Timeout)
		synctest.Wait()
		release()
		ended(t, call)
		synctest.Wait()
		e, ok := abort.Cause(ctx)
		if !ok || e.Reason != abort.Unverified || e.After < time.Second {
			t.Errorf("Cause() after the request = %v, %v, want unverified, true", e, ok)
		}
		if err := abort.Wrap(ctx, io.EOF); !errors.Is(err, abort.ErrClientAborted) || !errors.Is(err, io.EOF) {
			t.Errorf("Wrap(EOF) after the request = %v, want both errors", err)
		}
	})
}

func TestCause_CheckOff(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, call, release := inHandler(t, p, m, abort.Ignore)
		defer release()
		call.Leave(aborttest.Timeout)
		synctest.Wait()
		if e, ok := abort.Cause(ctx); e != nil || ok {
			t.Errorf("Cause() after the client left, check off = %v, %v, want nil, false", e, ok)
		}
		if err := abort.Wrap(ctx, io.EOF); err != io.EOF {
			t.Errorf("Wrap(EOF), check off = %v, want it unchanged", err)
		}
	})
}

func TestCause_NoRequest(t *testing.T) {
	if e, ok := abort.Cause(t.Context()); e != nil || ok {
		t.Errorf("Cause() outside = %v, %v, want nil, false", e, ok)
	}
	if err := abort.Wrap(t.Context(), io.EOF); err != io.EOF {
		t.Errorf("Wrap(EOF) outside = %v, want it unchanged", err)
	}
}

func TestError(t *testing.T) {
	said := &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}
	e := &abort.Error{Reason: abort.WriteFailed, After: 1500 * time.Millisecond, Err: said}
	err := fmt.Errorf("report: %w", e)
	for _, target := range []error{abort.ErrClientAborted, syscall.EPIPE} {
		if !errors.Is(err, target) {
			t.Errorf("errors.Is(%v, %v) = false, want true", err, target)
		}
	}
	if errors.Is(err, context.Canceled) || errors.Is(&abort.Error{}, syscall.EPIPE) {
		t.Errorf("%v Is context.Canceled, or an empty one EPIPE, want neither", err)
	}
	if got, ok := errors.AsType[*abort.Error](err); !ok || got != e {
		t.Errorf("errors.AsType = %v, %v, want the error itself", got, ok)
	}
	for _, part := range []string{"1.5s", "write_failed", "broken pipe"} {
		if !strings.Contains(e.Error(), part) {
			t.Errorf("Error() = %q, want %q in it", e.Error(), part)
		}
	}
}

// closeError is an error as WebSocket libraries have it.
type closeError struct{ code int }

func (e *closeError) Error() string { return fmt.Sprint("close ", e.code) }

func TestWrap(t *testing.T) {
	errs := []error{
		io.EOF, io.ErrUnexpectedEOF, context.Canceled, syscall.EPIPE, net.ErrClosed, os.ErrDeadlineExceeded,
		http.ErrHandlerTimeout, &closeError{1006}, fmt.Errorf("tx: %w", context.Canceled),
		&net.OpError{Op: "read", Err: syscall.ECONNRESET},
	}
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, call, release := inHandler(t, p, m, asIs)
		defer release()
		for _, err := range errs {
			if got := abort.Wrap(ctx, err); got != err {
				t.Errorf("Wrap(%v) while the client is there = %v, want it unchanged", err, got)
			}
		}
		if err := abort.Wrap(ctx, nil); err != nil {
			t.Errorf("Wrap(nil) = %v, want nil", err)
		}
		call.Leave(aborttest.Timeout)
		synctest.Wait()
		for _, err := range errs {
			got := abort.Wrap(ctx, err)
			if !errors.Is(got, err) || !errors.Is(got, abort.ErrClientAborted) {
				t.Errorf("Wrap(%v) = %v, want one that Is both it and %v", err, got, abort.ErrClientAborted)
			}
			if e, ok := errors.AsType[*abort.Error](got); !ok || e.Reason != abort.Unverified {
				t.Errorf("Wrap(%v) holds %v, %v, want an *abort.Error", err, e, ok)
			}
			if !strings.Contains(got.Error(), err.Error()) {
				t.Errorf("Wrap(%v).Error() = %q, want the error's text in it", err, got)
			}
		}
		if e, ok := errors.AsType[*closeError](abort.Wrap(ctx, &closeError{1006})); !ok || e.code != 1006 {
			t.Errorf("errors.AsType(Wrap(close 1006)) = %v, %v, want the close error", e, ok)
		}
		if err := abort.Wrap(ctx, nil); err != nil {
			t.Errorf("Wrap(nil) after the client left = %v, want nil", err)
		}
	})
}

// An exit is no abort, and neither is a deadline.
func TestWrap_OtherEndings(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, _, release := inHandler(t, p, m, asIs)
		defer release()
		exitcode.Exit(ctx, 503)
		synctest.Wait()
		if err := abort.Wrap(ctx, ctx.Err()); err != context.Canceled {
			t.Errorf("Wrap(Canceled) after an exit = %v, want it unchanged", err)
		}
	})
}
