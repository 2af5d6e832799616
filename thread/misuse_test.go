package thread_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/thread"
)

// spawn is Spawn of a function that must not run.
func spawn(t *testing.T, ctx context.Context) error {
	t.Helper()
	th, err := thread.Spawn(ctx, func(context.Context) error {
		t.Error("a thread that was refused has run")
		return nil
	})
	if th != nil {
		t.Errorf("Spawn = %p, %v; want no thread", th, err)
	}
	return err
}

func TestMisuse_NoRequest(t *testing.T) {
	for _, ctx := range []context.Context{context.Background(), nil} {
		wantErr(t, fmt.Sprint("Spawn with ", ctx), spawn(t, ctx), thread.ErrNoRequest)
	}
	if th, err := thread.WaitAny(context.Background()); th != nil || err != thread.ErrNoThreads {
		t.Errorf("WaitAny() = %p, %v; want nil, %v", th, err, thread.ErrNoThreads)
	}
}

func TestMisuse_NilFunction(t *testing.T) {
	run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		err := inHandler(t, serve, func(ctx context.Context) error {
			th, err := thread.Spawn(ctx, nil)
			if th != nil {
				t.Errorf("Spawn of nil = %p, %v; want no thread", th, err)
			}
			return err
		})
		wantErr(t, "Spawn of nil", err, thread.ErrNilFunc)
	})
}

// A goroutine that nobody waited for has the context of a request that is over.
func TestMisuse_SpawnAfterTheEnd(t *testing.T) {
	run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		ctx := inHandler(t, serve, func(ctx context.Context) context.Context { return ctx })
		synctest.Wait()
		wantErr(t, "Spawn after the end", spawn(t, ctx), thread.ErrEnded)
	})
}

func TestMisuse_SpawnAfterTheDetachedWork(t *testing.T) {
	runIn(t, "Detach", func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		ctx := inHandler(t, serve, func(ctx context.Context) context.Context {
			eof.Send(ctx)
			return ctx
		})
		synctest.Wait()
		wantErr(t, "Spawn after the work", spawn(t, ctx), thread.ErrEnded)
	})
}

// A killed thread may still spawn: what it spawns is born killed, and counts.
func TestMisuse_SpawnInAKilledThread(t *testing.T) {
	run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		spawned, cause := make(chan error, 1), make(chan error, 1)
		inHandler(t, serve, func(ctx context.Context) error {
			th, err := thread.Spawn(ctx, func(ctx context.Context) error {
				<-ctx.Done()
				_, err := thread.Spawn(ctx, func(ctx context.Context) error {
					cause <- context.Cause(ctx)
					return nil
				})
				spawned <- err
				return nil
			})
			th.Kill()
			return err
		})
		wantErr(t, "Spawn in a killed thread", <-spawned, nil)
		wantErr(t, "the cause in the new thread", <-cause, thread.ErrKilled)
	})
}
