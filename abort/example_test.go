package abort_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

// leave sends a request to h, disconnects while h runs, and waits until h has
// returned.
func leave(h http.Handler, configure ...func(*http.Server)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		cancel()
		h.ServeHTTP(w, r)
	}))
	for _, c := range configure {
		c(srv.Config)
	}
	srv.Start()
	defer srv.Config.Close() // srv.Close waits for net/http to close the connection, half a second
	req, _ := http.NewRequestWithContext(ctx, "GET", srv.URL, nil)
	if res, err := srv.Client().Do(req); err == nil {
		res.Body.Close()
	}
	<-done
}

func ExampleCheck() {
	leave(abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		<-ctx.Done()
		fmt.Println(errors.Is(context.Cause(ctx), abort.ErrClientAborted))
	})))
	// Output: true
}

func ExampleNew() {
	check := abort.New(abort.Options{CallbackTimeout: time.Millisecond})
	leave(check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		abort.On(r.Context(), func(ctx context.Context) {
			<-ctx.Done()
			fmt.Println("clean-up:", ctx.Err())
			exitcode.Exit(ctx, exitcode.ClientClosedRequest)
		})
		<-r.Context().Done()
	})))
	// Output: clean-up: context deadline exceeded
}

func ExampleIgnore() {
	h := abort.Ignore(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := abort.On(r.Context(), func(context.Context) {})
		fmt.Println(errors.Is(err, abort.ErrCheckOff))
	}))
	abort.Check(h).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://example.com/", nil))
	// Output: true
}

func ExampleOn() {
	leave(abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		stopped := make(chan struct{})
		abort.On(ctx, func(ctx context.Context) {
			exitcode.Exit(ctx, exitcode.ClientClosedRequest) // stops the handler and the query that it waits for
			<-stopped
			fmt.Println("roll back") // tx.Rollback has no query to wait for
		})
		<-ctx.Done()
		fmt.Println(context.Cause(ctx))
		close(stopped)
	})))
	// Output:
	// exit 499 Client Closed Request
	// roll back
}

func ExampleAfterFunc() {
	metered := func(next http.Handler) http.Handler { // anybody's middleware
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			stop := abort.AfterFunc(r.Context(), func(ctx context.Context) {
				e, _ := abort.Cause(ctx)
				fmt.Println("meter: left,", e.Reason)
			})
			defer stop()
			next.ServeHTTP(w, r)
		})
	}
	leave(abort.Check(metered(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done() // as without the meter
		fmt.Println("handler:", errors.Is(context.Cause(r.Context()), abort.ErrClientAborted))
	}))))
	// Unordered output:
	// meter: left, unverified
	// handler: true
}

func ExampleCause() {
	leave(abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		if e, ok := abort.Cause(r.Context()); ok {
			fmt.Println("client left:", e.Reason, e.Stage, e.After > 0)
		}
	})))
	// Output: client left: unverified handler true
}

func ExampleWrap() {
	query := func(ctx context.Context) error {
		<-ctx.Done()
		return fmt.Errorf("query: %w", io.ErrClosedPipe) // the error of a driver
	}
	leave(abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := abort.Wrap(r.Context(), query(r.Context()))
		fmt.Println(errors.Is(err, abort.ErrClientAborted), errors.Is(err, io.ErrClosedPipe))
	})))
	// Output: true true
}

func ExampleShield() {
	leave(abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		ctx := abort.Shield(r.Context()) // from here on the client may leave
		fmt.Println(r.Context().Err(), ctx.Err())
	})))
	// Output: context canceled <nil>
}

func ExampleConnContext() {
	leave(abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		e, _ := abort.Cause(r.Context())
		fmt.Println(e.Reason)
	})), func(srv *http.Server) { srv.ConnContext = abort.ConnContext })
	// Output: closed
}
