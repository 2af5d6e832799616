package thread_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/thread"
)

// What Spawn and WaitAny say where there is no thread.
func ExampleSpawn_errors() {
	nothing := func(context.Context) error { return nil }
	spawn := func(ctx context.Context, fn func(context.Context) error) error {
		_, err := thread.Spawn(ctx, fn)
		return err
	}
	fmt.Println(errors.Is(spawn(context.Background(), nothing), thread.ErrNoRequest))
	_, err := thread.WaitAny(context.Background())
	fmt.Println(errors.Is(err, thread.ErrNoThreads))
	var ended context.Context
	background := eof.New(eof.Options{})
	h := background.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ended = r.Context()
		fmt.Println(errors.Is(spawn(ended, nil), thread.ErrNilFunc))
		_ = exitcode.Exit(ended, http.StatusForbidden)
		fmt.Println(errors.Is(spawn(ended, nothing), thread.ErrExited))
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://example.com/", nil))
	h = background.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ended = r.Context() }))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://example.com/", nil))
	fmt.Println(errors.Is(spawn(ended, nothing), thread.ErrEnded))
	// Output:
	// true
	// true
	// true
	// true
	// true
}

// The slower one of two is not needed.
func ExampleThread_Kill_cause() {
	show(func(w http.ResponseWriter, r *http.Request) {
		t, err := thread.Spawn(r.Context(), func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		})
		if err != nil {
			return
		}
		t.Kill()
		fmt.Fprint(w, errors.Is(t.Wait(r.Context()), thread.ErrKilled))
	})
	// Output: 200 OK: true
}
