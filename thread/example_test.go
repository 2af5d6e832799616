package thread_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// show serves one request with h and prints the response.
func show(h http.HandlerFunc) {
	life := middleware.New(middleware.Options{})
	srv := httptest.NewServer(life.Handler(h))
	defer srv.Close()
	res, err := srv.Client().Get(srv.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Printf("%s: %s\n", res.Status, body)
}

// Two queries run at once. The response would not end before both threads have
// returned; the handler waits because it needs their results.
func ExampleSpawn() {
	show(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		var price, stock int
		one, err := thread.Spawn(ctx, func(context.Context) error { price = 42; return nil })
		if err != nil {
			return // the request has ended
		}
		two, err := thread.Spawn(ctx, func(context.Context) error { stock = 7; return nil })
		if err != nil {
			return
		}
		if err := errors.Join(one.Wait(ctx), two.Wait(ctx)); err == nil {
			fmt.Fprintf(w, "price %d, stock %d", price, stock)
		}
	})
	// Output: 200 OK: price 42, stock 7
}

func ExampleThread_Wait() {
	show(func(w http.ResponseWriter, r *http.Request) {
		t, err := thread.Spawn(r.Context(), func(context.Context) error { return fs.ErrNotExist })
		if err != nil {
			return
		}
		fmt.Fprint(w, t.Wait(r.Context()))
	})
	// Output: 200 OK: file does not exist
}

// Done is for a select among other channels.
func ExampleThread_Done() {
	show(func(w http.ResponseWriter, r *http.Request) {
		t, err := thread.Spawn(r.Context(), func(context.Context) error { return nil })
		if err != nil {
			return
		}
		select {
		case <-t.Done():
			fmt.Fprint(w, "ended: ", t.Wait(r.Context()))
		case <-time.After(time.Minute):
			t.Kill()
		}
	})
	// Output: 200 OK: ended: <nil>
}

func ExampleThread_Kill() {
	show(func(w http.ResponseWriter, r *http.Request) {
		t, err := thread.Spawn(r.Context(), func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		})
		if err != nil {
			return
		}
		t.Kill()
		fmt.Fprint(w, t.Wait(r.Context()))
	})
	// Output: 200 OK: thread: killed
}

// Two mirrors are asked, and the first response is used.
func ExampleWaitAny() {
	show(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		fast, err := thread.Spawn(ctx, func(context.Context) error { return nil })
		if err != nil {
			return
		}
		slow, err := thread.Spawn(ctx, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if err != nil {
			return
		}
		first, err := thread.WaitAny(ctx, slow, fast)
		slow.Kill()
		fmt.Fprintf(w, "the fast one: %v, error %v", first == fast, err)
	})
	// Output: 200 OK: the fast one: true, error <nil>
}

// A panic of a thread is logged, and the request continues.
func ExamplePanicError() {
	life := middleware.New(middleware.Options{})
	h := life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, err := thread.Spawn(r.Context(), func(context.Context) error {
			panic(fmt.Errorf("reading the index: %w", io.ErrUnexpectedEOF))
		})
		if err != nil {
			return
		}
		err = t.Wait(r.Context())
		if p, ok := errors.AsType[*thread.PanicError](err); ok {
			fmt.Fprintf(w, "%v; a stack: %v; ", p.Value, len(p.Stack) > 0)
		}
		fmt.Fprint(w, "is an EOF: ", errors.Is(err, io.ErrUnexpectedEOF))
	}))
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Start()
	defer srv.Close()
	res, err := srv.Client().Get(srv.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Printf("%s\n", body)
	// Output: reading the index: unexpected EOF; a stack: true; is an EOF: true
}
