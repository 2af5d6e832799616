//go:build unix

package durable_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/lastbyte-go/lastbyte/durable"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func TestD8_WaitsForJobs(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		noneLeft(t)
		begun, finish, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		e := begin(t, url, config(&records{}, func(ctx context.Context, _ *river.Job[task]) error {
			close(begun)
			<-finish
			return ctx.Err()
		}))
		insert(t, e)
		testkit.Await(t, begun, "the task")
		go func() { done <- e.Shutdown(context.Background()) }()
		select {
		case err := <-done:
			t.Errorf("Shutdown = %v while a task runs", err)
		case <-time.After(100 * time.Millisecond):
		}
		close(finish)
		if err := testkit.Await(t, done, "Shutdown"); err != nil {
			t.Errorf("Shutdown = %v", err)
		}
		again := open(t, url, config(&records{}, nothing))
		if n := count(t, again, "completed"); n != 1 {
			t.Errorf("%d tasks are completed, want 1", n)
		}
	})
}

// A job that notices the end of its context is as if it had not been tried.
func TestD8_GivesBack(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		noneLeft(t)
		begun := make(chan struct{})
		log := &records{}
		e := begin(t, url, config(log, func(ctx context.Context, _ *river.Job[task]) error {
			close(begun)
			<-ctx.Done()
			return ctx.Err()
		}))
		insert(t, e)
		testkit.Await(t, begun, "the task")
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := e.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown = %v, want nil: the task has returned", err)
		}
		again := open(t, url, config(&records{}, nothing))
		var attempt int
		err := again.DB.QueryRowContext(t.Context(), "SELECT attempt FROM river_job WHERE state = 'available'").Scan(&attempt)
		if err != nil || attempt != 0 {
			t.Errorf("the task has %d attempts, %v, want 0 of one that is available", attempt, err)
		}
		if lines := log.with("INFO job kind=task"); len(lines) != 1 || !strings.Contains(lines[0], "ended=interrupted") {
			t.Errorf("the log has %q, want one line that says interrupted", lines)
		}
	})
}

// A job that does not return is given back all the same.
func TestD8_GivesUp(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		noneLeft(t)
		begun, finish := make(chan struct{}), make(chan struct{})
		e, err := durable.Open(t.Context(), url, config(&records{}, func(context.Context, *river.Job[task]) error {
			close(begun)
			<-finish
			return nil
		}))
		if err == nil {
			err = e.Start(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		insert(t, e)
		testkit.Await(t, begun, "the task")
		ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
		defer cancel()
		err = e.Shutdown(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "given back while they run: 1") {
			t.Errorf("Shutdown = %v, want the deadline, and 1 job", err)
		}
		if again := e.Shutdown(t.Context()); !errors.Is(again, err) {
			t.Errorf("a second Shutdown = %v, want what the first said", again)
		}
		if err := e.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "shut down") {
			t.Errorf("Start after Shutdown = %v, want an error that says so", err)
		}
		close(finish)
		<-e.Stopped()
		next, err := durable.Open(t.Context(), url, config(&records{}, nothing))
		for asError(err) != nil && asError(err).Reason == durable.Locked { // until the first has closed the file
			next, err = durable.Open(t.Context(), url, config(&records{}, nothing))
		}
		if err != nil {
			t.Fatal(err)
		}
		defer shutDown(t, next)
		if n := count(t, next, "available"); n != 1 {
			t.Errorf("%d tasks are available, want 1", n)
		}
	})
}

// Last is called when the requests have ended, which may store jobs until then.
func TestD8_LastOfServe(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		noneLeft(t)
		e := begin(t, url, config(&records{}, nothing))
		life := middleware.New(middleware.Options{Last: e.Shutdown})
		began, stored := make(chan struct{}), make(chan error, 1)
		ctx, stop := context.WithCancel(t.Context())
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(began)
			<-ctx.Done() // the drain begins
			_, err := e.Insert(r.Context(), task{}, nil)
			stored <- err
		})
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- life.Serve(ctx, &http.Server{Handler: life.Handler(h)}, ln) }()
		go func() {
			if res, err := http.Get("http://" + ln.Addr().String()); err == nil {
				res.Body.Close()
			}
		}()
		testkit.Await(t, began, "the request")
		stop()
		if err := testkit.Await(t, stored, "the insertion"); err != nil {
			t.Errorf("Insert while the server drains: %v", err)
		}
		if err := testkit.Await(t, served, "Serve"); err != nil {
			t.Errorf("Serve = %v", err)
		}
		_, err = e.Insert(t.Context(), task{}, nil)
		isError(t, "Insert after Serve", err, durable.Unavailable)
		http.DefaultClient.CloseIdleConnections()
	})
}

// The end of the context of Start ends no job: in a program it is that of Serve, whose
// end is the beginning of the drain.
func TestD8_StartDoesNotEndJobs(t *testing.T) {
	e := open(t, file(t), config(&records{}, func(ctx context.Context, job *river.Job[task]) error { return ctx.Err() }))
	ctx, cancel := context.WithCancel(t.Context())
	if err := e.Start(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	done, stop := e.Subscribe(river.EventKindJobCompleted)
	defer stop()
	insert(t, e)
	testkit.Await(t, done, "the task")
	if err := e.Start(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Start with a context that has ended = %v, want its error", err)
	}
}

// Whichever comes first, nothing works on jobs afterwards.
func TestD8_StartBesideShutdown(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		noneLeft(t)
		for range 5 {
			e, err := durable.Open(t.Context(), url, config(&records{}, nothing))
			if err != nil {
				t.Fatal(err)
			}
			started := make(chan error, 1)
			go func() { started <- e.Start(t.Context()) }()
			shutDown(t, e)
			_ = testkit.Await(t, started, "Start") // an error, unless it was first
			if err := e.Start(t.Context()); err == nil {
				t.Error("Start after Shutdown = nil, want an error")
			}
		}
	})
}

func TestD8_SIGTERM(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		c := newChild(t, url)
		for n := range 20 {
			post(t, c, "/task/run/", n)
		}
		if err := c.end(syscall.SIGTERM); err != nil {
			t.Errorf("the process ended with %v: %s", err, c.log)
		}
		if got := newChild(t, url).drained(time.Minute); len(got) != 20 {
			t.Errorf("%d tasks ran, want 20", len(got))
		}
	})
}

func insert(t *testing.T, e *durable.Engine) {
	t.Helper()
	if _, err := e.Insert(t.Context(), task{}, nil); err != nil {
		t.Fatalf("Insert: %v", err)
	}
}
