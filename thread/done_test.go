package thread_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/thread"
)

// ends are the ways in which a thread ends; each gives its error.
var ends = map[string]struct {
	fn   func(ctx context.Context) error
	kill bool
	want func(err error) bool
}{
	"return":  {func(context.Context) error { time.Sleep(time.Second); return nil }, false, func(err error) bool { return err == nil }},
	"error":   {func(context.Context) error { time.Sleep(time.Second); return io.EOF }, false, func(err error) bool { return err == io.EOF }},
	"panic":   {func(context.Context) error { time.Sleep(time.Second); panic(http.ErrAbortHandler) }, false, isPanic},
	"Kill":    {func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Second); return context.Cause(ctx) }, true, func(err error) bool { return err == thread.ErrKilled }},
	"at once": {func(context.Context) error { return nil }, false, func(err error) bool { return err == nil }},
}

func isPanic(err error) bool {
	_, ok := errors.AsType[*thread.PanicError](err)
	return ok
}

// TestT6_Done: Done is open while the thread runs, whatever its context says, and
// closed once it has ended, however it has; the error is there then.
func TestT6_Done(t *testing.T) {
	run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		s := serve(func(w http.ResponseWriter, r *http.Request) {
			for name, end := range ends {
				th, err := thread.Spawn(r.Context(), end.fn)
				if err != nil {
					t.Errorf("Spawn() = %v, want nil", err)
					return
				}
				start, want := time.Now(), time.Second
				if name == "at once" {
					want = 0
				}
				if end.kill {
					th.Kill()
				}
				done := th.Done()
				select {
				case <-done:
				case <-time.After(time.Minute):
					t.Errorf("%s: Done() is open after a minute", name)
				}
				at(t, name+": Done() is closed", start, want)
				ended, cancel := context.WithCancel(r.Context())
				cancel()
				if err := th.Wait(ended); !end.want(err) {
					t.Errorf("%s: Wait() = %v after Done", name, err)
				}
				if th.Done() != done {
					t.Errorf("%s: two calls of Done give different channels", name)
				}
			}
			io.WriteString(w, "ok")
		})
		wantAnswer(t, s, "/", 200, "ok")
	})
}
