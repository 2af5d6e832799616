package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// service is one at work in a bubble, and what its store was told.
type service struct {
	*aborttest.Client
	stop   func() error // SIGTERM; it returns when the server has ended
	log    *strings.Builder
	left   bool   // the query was given up because the client has left
	done   string // what was indexed
	broken error  // what the query gives at once
}

// minute is work that looks at its context.
func minute(ctx context.Context) error {
	select {
	case <-time.After(time.Minute):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func eachService(t *testing.T, grace time.Duration, body func(t *testing.T, s *service)) {
	for name, engine := range map[string]newService{"gin": ginService, "echo": echoService} {
		for _, p := range []aborttest.Protocol{aborttest.HTTP1, aborttest.HTTP2} {
			t.Run(name+" "+string(p), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &service{log: &strings.Builder{}}
					log := slog.New(slog.NewTextHandler(s.log, nil))
					life := middleware.New(middleware.Options{Slog: log, Grace: grace})
					h := engine(store{
						func(ctx context.Context) (string, error) {
							if s.broken != nil {
								return "", s.broken
							}
							err := minute(ctx)
							s.left = errors.Is(err, abort.ErrClientAborted)
							return "the report", err
						},
						func(ctx context.Context, name string) error {
							err := minute(ctx)
							if err == nil {
								s.done = name
							}
							return err
						},
					})
					ctx, cancel := context.WithCancel(t.Context())
					ended := make(chan error, 1)
					s.stop = func() error { cancel(); return <-ended }
					serve := func(srv *http.Server, ln net.Listener) error {
						ended <- life.Serve(ctx, srv, ln)
						return nil
					}
					// Around the engine, see docs/frameworks.md.
					s.Client = aborttest.Start(t, aborttest.Options{Protocols: []aborttest.Protocol{p}, Lifecycle: life, Serve: serve}, life.Detach(h))
					body(t, s)
				})
			})
		}
	}
}

func TestService_ClientLeaves(t *testing.T) {
	eachService(t, time.Hour, func(t *testing.T, s *service) {
		call := s.Get("/report")
		time.Sleep(2 * time.Second)
		call.Leave(aborttest.Timeout)
		if o := call.Done(); o.Status != 499 || o.Abort == nil || o.Duration != 2*time.Second {
			t.Errorf("Done = %+v, want 499 after 2s", o)
		}
		if !s.left {
			t.Error("the query was not given up")
		}
		if log := s.log.String(); strings.Contains(log, "ERROR") {
			t.Errorf("the log is\n%s\nwant no error", log)
		}
	})
}

func TestService_Report(t *testing.T) {
	eachService(t, time.Hour, func(t *testing.T, s *service) {
		if res := s.Get("/report").Response(); res.Status != 200 || res.Body != "the report" {
			t.Errorf("Response = %+v, want the report", res)
		}
		if res := s.Get("/nowhere").Response(); res.Status != 404 {
			t.Errorf("Response = %+v, want 404", res)
		}
		s.broken = &exitcode.ExitError{Code: 503, Detail: "Try again.", Err: errors.New("no connection to 10.0.0.7")}
		if res := s.Get("/report").Response(); res.Status != 503 || res.Body != "503 Service Unavailable\nTry again.\n" {
			t.Errorf("Response = %+v, want 503 with the detail", res)
		}
		synctest.Wait()
		if log := s.log.String(); strings.Count(log, "10.0.0.7") != 1 || !strings.Contains(log, "route=/report") {
			t.Errorf("the log is\n%s\nwant the error once, and the route", log)
		}
	})
}

// The client has its answer at once, and a shutdown waits for the task.
func TestService_Task(t *testing.T) {
	eachService(t, time.Hour, func(t *testing.T, s *service) {
		began := time.Now()
		call := s.Post("/tasks/books", "text/plain", strings.NewReader("x"))
		if res := call.Response(); res.Status != 202 || res.Body != "got the task!" || time.Since(began) != 0 {
			t.Errorf("Response = %+v after %v, want 202 at once", res, time.Since(began))
		}
		if err := s.stop(); err != nil || s.done != "books" {
			t.Errorf("Serve() = %v, and %q was indexed: want nil and the books", err, s.done)
		}
	})
}

// A shutdown that has no more time names what it gives up.
func TestService_GivenUp(t *testing.T) {
	eachService(t, 30*time.Second, func(t *testing.T, s *service) {
		s.Post("/tasks/books", "text/plain", strings.NewReader("x")).Response()
		err := s.stop()
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 handler (POST /tasks/:name, 30.0s)") {
			t.Errorf("Serve() = %v, want it to name the handler", err)
		}
		synctest.Wait()
		if log := s.log.String(); !strings.Contains(log, "index of books: ") {
			t.Errorf("the log is\n%s\nwant what was not indexed", log)
		}
	})
}
