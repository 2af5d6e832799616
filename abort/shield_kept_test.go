package abort_test

import (
	"context"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// TestShield_KeepsNothing: a handler that lives for long, of a WebSocket or of
// events, may shield every message; each call kept 705 bytes until its end.
func TestShield_KeepsNothing(t *testing.T) {
	children := map[string]func(context.Context) (context.Context, context.CancelFunc){
		"WithCancel": func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithCancel(ctx) },
		"WithTimeout": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Hour)
		},
		"passed deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithDeadline(ctx, time.Now())
		},
		"Shield": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			return abort.Shield(ctx), cancel
		},
	}
	for name, child := range children {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
				_, ctx, _, release := inHandler(t, p, m, asIs)
				defer release()
				use := func(n int) {
					for range n {
						ctx, cancel := child(ctx)
						shielded := abort.Shield(ctx)
						shielded.Done()
						cancel()
						synctest.Wait()
						if shielded.Err() == nil {
							t.Fatal("Err() = nil, want the shielded context ended with the one it is made of")
						}
					}
				}
				use(100)
				before := live()
				calls := testkit.Rounds(1000, 5000)
				use(calls)
				if kept := (int64(live()) - int64(before)) / int64(calls); kept > 50 {
					t.Errorf("%d bytes are kept of each call, want none", kept)
				}
			})
		})
	}
}

func live() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestShield_InATask: no abort ends the context of a task, and the end of the
// request is not the task's; so what Shield gives lives as long as the task.
func TestShield_InATask(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		tasks, end := make(chan [2]context.Context, 1), make(chan struct{})
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), func(ctx context.Context) {
				tasks <- [2]context.Context{abort.Shield(ctx), abort.Shield(context.WithValue(ctx, valueKey{}, 1))}
				<-end
			})
			if m.name == "detach" {
				eof.Send(r.Context())
				time.Sleep(time.Second) // the task begins before the handler's end
			}
		})
		s.Get("/").Response()
		shields := take(t, tasks, "task")
		time.Sleep(time.Hour)
		for _, ctx := range shields {
			alive(t, ctx)
		}
		close(end)
		for _, ctx := range shields {
			over(t, ctx, context.Canceled, is(context.Canceled))
		}
	})
}

// The same for a context that has taken leave of the request in another way.
func TestShield_AfterTheRequest(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, call, release := inHandler(t, p, m, asIs)
		free, cancel := context.WithCancel(context.WithoutCancel(ctx))
		release()
		ended(t, call)
		synctest.Wait()
		shielded := abort.Shield(free)
		alive(t, shielded)
		cancel()
		over(t, shielded, context.Canceled, is(context.Canceled))
	})
}
