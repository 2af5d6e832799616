package abort_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
)

type fuzzKey byte

// derived gives a context of ctx in any number of layers, and what is known of
// it: whether the request is still to be found in it.
func derived(ctx context.Context, layers []byte) (_ context.Context, found bool, undo func()) {
	var stops []func()
	found = true
	for i, b := range layers[:min(len(layers), 20)] {
		var stop context.CancelFunc = func() {}
		switch b % 8 {
		case 0:
			ctx = context.WithValue(ctx, fuzzKey(i), i)
		case 1:
			ctx, stop = context.WithCancel(ctx)
		case 2:
			ctx, stop = context.WithTimeout(ctx, time.Duration(b)*time.Millisecond)
		case 3:
			ctx = context.WithoutCancel(ctx)
		case 4:
			ctx = abort.Shield(ctx)
		case 5:
			ctx, stop = context.WithCancel(ctx)
			stop()
		case 6:
			ctx = struct{ context.Context }{ctx} // of a kind that nobody knows
		case 7:
			if b > 250 {
				ctx, found = context.Background(), false
			}
		}
		stops = append(stops, stop)
	}
	return ctx, found, func() {
		for _, stop := range stops {
			stop()
		}
	}
}

// bare serves a request without a server. A connection is then dropped by a
// panic: a recorder has no deadlines.
func bare(ctx context.Context, h http.Handler) {
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler {
			panic(v)
		}
	}()
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil))
}

// FuzzOn registers any function with any context of the request's.
func FuzzOn(f *testing.F) {
	f.Add([]byte{0, 1, 2}, byte(0), true, false)
	f.Add([]byte{5, 3, 4}, byte(1), false, true)
	f.Add([]byte{6, 0, 255}, byte(2), true, true)
	f.Add([]byte{4, 4, 2, 0}, byte(4), false, false)
	f.Fuzz(func(t *testing.T, layers []byte, how byte, early, detach bool) {
		synctest.Test(t, func(t *testing.T) {
			calls, errs := make(chan error, 4), make(chan error, 2)
			callback := func(ctx context.Context) {
				calls <- ctx.Err()
				switch how % 5 {
				case 0:
					panic("on purpose")
				case 1:
					runtime.Goexit()
				case 2:
					panic(http.ErrAbortHandler)
				}
			}
			if how%5 == 4 {
				callback = nil
			}
			m := mounts[map[bool]int{true: 1}[detach]]
			begun, left := make(chan bool), make(chan struct{})
			s := start(t, aborttest.HTTP1, m, func(_ http.ResponseWriter, r *http.Request) {
				ctx, found, undo := derived(r.Context(), layers)
				defer undo()
				if early {
					begun <- found
					<-left
				}
				errs <- abort.On(ctx, callback)
				errs <- abort.On(ctx, callback)
				if !early {
					begun <- found
					<-left
				}
				time.Sleep(time.Second)
			})
			call := s.Get("/")
			found := <-begun
			call.Leave(aborttest.Timeout)
			synctest.Wait()
			close(left)
			time.Sleep(time.Minute)
			want := [2]error{nil, abort.ErrDuplicate}
			if callback == nil {
				want = [2]error{abort.ErrNilFunc, abort.ErrNilFunc}
			} else if !found {
				want = [2]error{abort.ErrNoRequest, abort.ErrNoRequest}
			}
			for _, w := range want {
				if err := take(t, errs, "On"); !errors.Is(err, w) {
					t.Errorf("On() = %v, want %v", err, w)
				}
			}
			if want[0] != nil {
				none(t, calls, "callback")
			} else if err := take(t, calls, "callback"); err != nil {
				t.Errorf("the callback's Err() = %v, want nil", err)
			}
			none(t, calls, "callback, again")
			if o := ended(t, call); o.Abort == nil {
				t.Errorf("Outcome = %+v, want the abort", o)
			}
		})
	})
}

// FuzzWrap wraps any error under any context, while the client is there and
// when it has left.
func FuzzWrap(f *testing.F) {
	f.Add([]byte{0, 4}, []byte{0, 1, 2}, "text")
	f.Add([]byte{255, 2}, []byte{}, "")
	f.Add([]byte{3, 5, 6}, []byte{3, 3, 1}, "a\nb")
	f.Fuzz(func(t *testing.T, layers, shape []byte, text string) {
		leaf := errors.New(text)
		err := error(leaf)
		for _, b := range shape[:min(len(shape), 20)] {
			switch b % 4 {
			case 0:
				err = fmt.Errorf("around: %w", err)
			case 1:
				err = errors.Join(io.EOF, err)
			case 2:
				err = &abort.Error{Reason: abort.Closed, Err: err}
			case 3:
				err = errors.Join(err, context.Canceled)
			}
		}
		synctest.Test(t, func(t *testing.T) {
			outer, leave := context.WithCancel(t.Context())
			h := abort.Check(eof.New(eof.Options{}).Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				ctx, found, undo := derived(r.Context(), layers)
				defer undo()
				if got := abort.Wrap(ctx, err); got != err {
					t.Errorf("Wrap(%v) = %v, want it unchanged", err, got)
				}
				leave()
				synctest.Wait()
				got := abort.Wrap(ctx, err)
				if !errors.Is(got, leaf) || found && !errors.Is(got, abort.ErrClientAborted) || !found && got != err {
					t.Errorf("Wrap(%v) = %v when the client has left, want both errors: %t", err, got, found)
				}
				if got := abort.Wrap(ctx, nil); got != nil {
					t.Errorf("Wrap(nil) = %v, want nil", got)
				}
				if e, ok := abort.Cause(ctx); ok != found || ok && e == nil {
					t.Errorf("Cause() = %v, %t, want one: %t", e, ok, found)
				}
			})))
			bare(outer, h)
			leave()
		})
	})
}

// FuzzShield: a shielded context has the values of its own, is as ended as that
// was, and is ended by all that ends it but an abort.
func FuzzShield(f *testing.F) {
	f.Add([]byte{0, 1, 2}, []byte{0, 0}, byte(0))
	f.Add([]byte{4, 2}, []byte{2, 1}, byte(1))
	f.Add([]byte{3}, []byte{6, 2}, byte(2))
	f.Fuzz(func(t *testing.T, above, below []byte, what byte) {
		synctest.Test(t, func(t *testing.T) {
			outer, end := context.WithCancelCause(t.Context())
			h := abort.Check(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				ctx, found, undo := derived(r.Context(), above)
				defer undo()
				ended := ctx.Err() != nil
				shield := abort.Shield(context.WithValue(ctx, fuzzKey(99), "here"))
				child, _, undoBelow := derived(shield, below)
				defer undoBelow()
				if shield.Value(fuzzKey(99)) != "here" || (shield.Err() != nil) != ended {
					t.Errorf("Value = %v, Err() = %v, want here, an end: %t", shield.Value(fuzzKey(99)), shield.Err(), ended)
				}
				if _, ok := abort.Cause(child); ok {
					t.Error("Cause() says that the client left, want that it is there")
				}
				cause := map[bool]error{true: nil, false: io.EOF}[what%2 == 0] // nil: as net/http does when the client leaves
				end(cause)
				synctest.Wait()
				if cause == nil && found && !ended && shield.Err() != nil {
					t.Errorf("Err() = %v after an abort, want nil", shield.Err())
				}
				if cause != nil && ctx.Err() != nil && shield.Err() == nil {
					t.Errorf("Err() = nil, want the end of %v", ctx.Err())
				}
			}))
			bare(outer, h)
			end(nil)
		})
	})
}
