package middleware_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// lateEndings are handlers of Detach that have no client any more when they end.
var lateEndings = []struct {
	name     string
	h        func(ctx context.Context, end func())
	ends     bool // by itself, without a wait
	exit     exitcode.Code
	code     int
	doneOnly bool // OnEnd comes first
}{
	{"Send", func(ctx context.Context, end func()) { _ = eof.Send(ctx); end() }, true, 0, 200, true},
	{"Send, an hour ago", func(ctx context.Context, end func()) { _ = eof.Send(ctx); time.Sleep(time.Hour); end() }, false, 0, 200, true},
	{"exit beside", func(ctx context.Context, end func()) {
		_, _ = thread.Spawn(ctx, func(ctx context.Context) error { return exitcode.Exit(ctx, 404) })
		<-ctx.Done()
		time.Sleep(time.Hour)
		end()
	}, false, 404, 404, true},
	{"own exit", func(ctx context.Context, end func()) { _ = exitcode.Exit(ctx, 404); end() }, true, 404, 404, false},
	{"own drop", func(ctx context.Context, end func()) { _ = exitcode.Exit(ctx, 444); time.Sleep(time.Hour); end() }, false, 444, 444, true},
}

// A panic of a handler whose response has ended is in the Outcome of OnDone, and the
// line of its work has level error; the response's own line and OnEnd know nothing of it.
func TestE10_OutcomeOfALatePanic(t *testing.T) {
	ways := map[string]struct {
		end      func()
		panicked bool
	}{
		"panic":           {func() { panic("on purpose") }, true},
		"return":          {func() {}, false},
		"ErrAbortHandler": {func() { panic(http.ErrAbortHandler) }, false},
	}
	for _, e := range lateEndings {
		for name, way := range ways {
			t.Run(e.name+", "+name, func(t *testing.T) {
				pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
					var log lines
					ends, dones := make(chan middleware.Outcome, 1), make(chan middleware.Outcome, 1)
					life := newLife(t, middleware.Options{
						Slog:   jsonSlog(&log),
						OnEnd:  func(_ *http.Request, o middleware.Outcome) { ends <- o },
						OnDone: func(_ *http.Request, o middleware.Outcome) { dones <- o },
					})
					s := pipenet.Start(t, p, life.Detach(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
						e.h(r.Context(), way.end)
					})))
					if res, err := s.Get("/"); err == nil {
						_, _ = io.Copy(io.Discard, res.Body)
						res.Body.Close()
					}
					time.Sleep(2 * time.Hour)
					end := take(t, ends, "OnEnd")
					if want := way.panicked && !e.doneOnly; end.Panicked != want || end.Status != e.code || end.Exit != e.exit {
						t.Errorf("OnEnd = %+v, want Panicked %t, status %d, exit %v", end, want, e.code, e.exit)
					}
					level := map[bool]string{false: "info", true: "error"}
					got := log.take(t)
					find := func(text string) map[string]any {
						for _, line := range got {
							if line["message"] == text {
								return line
							}
						}
						return nil
					}
					if line := find("request"); line["level"] != level[end.Panicked] || (line["panicked"] == true) != end.Panicked {
						t.Errorf("line of the request = %v, want level %s", line, level[end.Panicked])
					}
					if !e.doneOnly {
						none(t, dones, "OnDone")
						return
					}
					done := take(t, dones, "OnDone")
					if done.Panicked != way.panicked || done.Cut || done.Status != e.code || done.Worked == 0 {
						t.Errorf("OnDone = %+v, want Panicked %t, status %d", done, way.panicked, e.code)
					}
					if line := find("detached work ended"); line["level"] != level[way.panicked] || (line["panicked"] == true) != way.panicked {
						t.Errorf("line of the work = %v, want level %s", line, level[way.panicked])
					}
				})
			})
		}
	}
}

// What goes wrong in work without a request is in the Lifecycle's log, and observers
// hear of its end, by the name that it was given.
func TestB15_ObservedAndLogged(t *testing.T) {
	eachLogger(t, middleware.Options{}, func(t *testing.T, p pipenet.Proto, m mount, life *middleware.Lifecycle, log *lines) {
		if p != pipenet.HTTP1 || m.name != "Handler" {
			return // there is no request
		}
		var o told
		life.Observe(o.observer("one"))
		b := life.Background()
		if err := b.Go(t.Context(), "reindex\n", func(context.Context) { time.Sleep(time.Second); panic("boom\n") }); err != nil {
			t.Fatal(err)
		}
		stop, err := b.Every(t.Context(), time.Minute, "sweep", func(context.Context) { time.Sleep(time.Second) })
		if err != nil {
			t.Fatal(err)
		}
		if err := b.After(t.Context(), time.Hour, "late", func(ctx context.Context) {
			if err := b.Go(ctx, "next", func(context.Context) { panic("in a task of a task") }); err != nil {
				t.Error(err)
			}
			_, _ = thread.Spawn(ctx, func(context.Context) error { panic("in a thread") })
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(90 * time.Second)
		stop()
		o.want(t, `one task "reindex\n" false 1s`, `one task "sweep" false 1s`)
		time.Sleep(time.Hour)
		synctest.Wait()
		got := log.take(t)
		if len(got) != 3 {
			t.Fatalf("log = %v, want three lines", got)
		}
		for _, line := range got {
			stack, _ := line["stack"].(string)
			_, method := line["method"]
			if line["level"] != "error" || stack == "" || method {
				t.Errorf("%v, want level error with a stack, and no request", line)
			}
		}
		if got, want := got[0]["message"], `lastbyte: panic in task "reindex\n": "boom\n"`; got != want {
			t.Errorf("message = %q, want %q", got, want)
		}
	})
}
