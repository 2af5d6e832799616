package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// defaults are the settings without a flag, and a lag.
func defaults(t *testing.T) settings {
	s, err := parse([]string{"-lag", "1s"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// draining is an app in a bubble whose drain has begun.
type draining struct {
	*pipenet.Server
	log   *output
	began time.Time
	err   chan error
}

func drain(t *testing.T, p pipenet.Proto, change func(*settings), before func(*pipenet.Server)) *draining {
	s := defaults(t)
	if change != nil {
		change(&s)
	}
	d := &draining{log: newOutput(), err: make(chan error, 1)}
	a := newApp(s, logger(d.log, true))
	ctx, stop := context.WithCancel(t.Context())
	d.Server = pipenet.StartBy(t, p, a.routes(), func(srv *http.Server, ln net.Listener) error {
		d.err <- a.serve(ctx, srv, ln)
		return nil
	})
	before(d.Server)
	synctest.Wait()
	d.began = time.Now()
	stop()
	synctest.Wait()
	return d
}

// over waits for the end of the drain. net/http polls, and gives an HTTP/2
// connection a second after its GOAWAY: two seconds are for that.
func (d *draining) over(t *testing.T, after time.Duration, want string) {
	t.Helper()
	err := <-d.err
	if took := time.Since(d.began); took < after || took > after+2*time.Second {
		t.Errorf("drain took %v, want about %v", took, after)
	}
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("serve() = %v, want %q", err, want)
	}
}

func (d *draining) logged(t *testing.T, want ...string) {
	t.Helper()
	rest := d.log.String()
	for _, w := range want {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			t.Errorf("log\n%s\nwant %s in this order", d.log, want)
			return
		}
		rest = after
	}
}

func TestDrain_NotReadyWhileStillServing(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		d := drain(t, p, nil, func(*pipenet.Server) {})
		if res, err := d.Get("/ready"); err != nil || res.StatusCode != 503 {
			t.Errorf("GET /ready while draining = %v, %v; want 503", res, err)
		}
		if res, err := d.Get("/gone"); err != nil || res.StatusCode != 410 {
			t.Errorf("GET /gone before the port closes = %v, %v; want 410", res, err)
		}
		d.over(t, time.Second, "")
		if res, err := d.Get("/ready"); err == nil {
			t.Errorf("GET /ready after the drain = %v, want an error", res)
		}
		d.logged(t, "not ready", `"requests":0,"detached":0,"tasks":0,`, "over")
	})
}

func TestDrain_RequestEndsByItself(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		var long *pipenet.Call
		d := drain(t, p, func(s *settings) { s.long = 3 * time.Second }, func(s *pipenet.Server) {
			long = s.Begin(s.NewRequest("GET", "/long", nil))
		})
		d.over(t, 3*time.Second, "")
		if res, err := long.Wait(); err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("GET /long = %v, %v; want 200", res, err)
		}
		d.logged(t, `"requests":1,`, "waiting for requests", `"status":200`, "over")
	})
}

func TestDrain_RequestIsTold(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		var long *pipenet.Call
		d := drain(t, p, nil, func(s *pipenet.Server) { // it would take 30 s
			long = s.Begin(s.NewRequest("GET", "/long", nil))
		})
		d.over(t, 5*time.Second, "")
		if res, err := long.Wait(); err != nil || res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("GET /long = %v, %v; want 503", res, err)
		}
		d.logged(t, eof.ErrShuttingDown.Error(), `"status":503`, "over")
		if log := d.log.String(); strings.Contains(log, "aborted") {
			t.Errorf("log\n%s\nwant no abort: the client is there", log)
		}
	})
}

func TestDrain_WaitsForBackgroundWork(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		d := drain(t, p, nil, func(s *pipenet.Server) {
			for _, path := range []string{"/async", "/deferred"} {
				res, err := s.Get(path)
				if err != nil {
					t.Fatalf("GET %s = %v", path, err)
				}
				read(t, res)
			}
		})
		d.over(t, 5*time.Second, "")
		d.logged(t, `"requests":0,"detached":1,"tasks":1,`, "not ready", "background work", "async: done", "drain: over")
		d.logged(t, "not ready", `"premature":true`, "drain: over")
	})
}

func TestDrain_GivesUp(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		d := drain(t, p, func(s *settings) { s.work = time.Hour }, func(s *pipenet.Server) {
			res, err := s.Get("/async")
			if err != nil {
				t.Fatalf("GET /async = %v", err)
			}
			read(t, res)
		})
		d.over(t, 9*time.Second, "shutdown gave up 1 handler (GET /async, 9.0s)")
		synctest.Wait()
		d.logged(t, `"cause":"eof: shutting down"`, "async: stopped")
	})
}
