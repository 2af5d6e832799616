package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// start serves a service whose index takes as long as nobody receives from built: nil,
// or why it was given up. stop is SIGTERM.
func start(t *testing.T, grace time.Duration) (url string, built chan error, stop func() <-chan error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	built = make(chan error)
	s := &service{slog.New(slog.NewTextHandler(t.Output(), nil)), grace, func(ctx context.Context, name string) error {
		select {
		case built <- nil:
			return nil
		case <-ctx.Done():
			err := context.Cause(ctx)
			built <- err
			return err
		}
	}}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	served := make(chan error, 1)
	go func() { served <- s.serve(ctx, ln) }()
	return "http://" + ln.Addr().String(), built, func() <-chan error { cancel(); return served }
}

// ask asks for an index, and reads the whole response.
func ask(t *testing.T, url string) {
	t.Helper()
	res, err := http.Post(url+"/index/books", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "got the task!\n" {
		t.Errorf("the response is %q, %v, want it whole", body, err)
	}
}

// The client has its answer before the index is built, and the end of the server waits
// for that.
func TestService_AnswersAndWorksOn(t *testing.T) {
	t.Parallel()
	url, built, stop := start(t, time.Hour)
	ask(t, url)
	served := stop()
	select {
	case err := <-served:
		t.Fatalf("serve() = %v, want it to wait for the index", err)
	case err := <-built:
		if err != nil {
			t.Errorf("the index was given up: %v", err)
		}
	}
	if err := <-served; err != nil {
		t.Errorf("serve() = %v, want nil: nothing was given up", err)
	}
}

// The error of a shutdown that has no more time names what it gives up.
func TestService_GivesUp(t *testing.T) {
	t.Parallel()
	url, built, stop := start(t, 200*time.Millisecond)
	ask(t, url)
	err := <-stop()
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 handler (POST /index/{name}, ") {
		t.Errorf("serve() = %v, want it to name the handler", err)
	}
	if err := <-built; err == nil {
		t.Error("the index was built, want it given up")
	}
}
