package bench_test

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/bench/rows"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/internal/work"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// A detached handler that does little fits into the stack that a goroutine begins with,
// 2 KB, of which the runtime keeps 800 bytes for itself: to make that larger in the
// middle of a handler takes longer than all else that Detach does.
func TestBudget_StackOfDetach(t *testing.T) {
	if testkit.Race || testing.CoverMode() != "" || runtime.GOARCH != "amd64" {
		t.Skip("frames are larger with the race detector and with coverage, and were not looked at elsewhere")
	}
	b := eof.New(eof.Options{})
	l := middleware.New(middleware.Options{})
	timeout := exitcode.Timeout(time.Minute, 504)
	for _, at := range []struct {
		name   string
		around func(http.Handler) http.Handler
		drain  func(context.Context) error
	}{
		{"Detach", b.Detach, b.Shutdown},
		{"Detach, Timeout", func(h http.Handler) http.Handler { return b.Detach(timeout(h)) }, b.Shutdown},
		{"Timeout, Detach", func(h http.Handler) http.Handler { return timeout(b.Detach(h)) }, b.Shutdown},
		{"Handler, Detach", func(h http.Handler) http.Handler { return l.Handler(l.Detach(h)) }, l.Shutdown},
	} {
		var served, moved atomic.Int32
		small := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			first := served.Add(1)%2 == 1 // for it, lastbyte looks up what it then remembers
			before := work.Address()
			io.WriteString(w, "hello")
			if err := eof.Send(r.Context()); err != nil {
				t.Error(err)
			}
			if work.Address() != before && !first {
				moved.Add(1)
			}
		})
		for range 100 { // new ones, that know nothing of stacks which were too small
			rows.NewLoop(rows.Row{Name: at.name, Handler: at.around(small)}).Serve(2)
		}
		if err := at.drain(context.Background()); err != nil { // Send has let them run on
			t.Error(err)
		}
		if n := moved.Load(); n > 10 { // at first, what the runtime looks up once takes more
			t.Errorf("%s: %d of 100 stacks have moved, want next to none", at.name, n)
		}
	}
}
