package middleware_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// controlled gives the test a request's Controller while its handler runs.
func controlled(t *testing.T, p pipenet.Proto, m mount) (s *scene, c *middleware.Controller, call *pipenet.Call, release func()) {
	t.Helper()
	controllers, released := make(chan *middleware.Controller, 1), make(chan struct{})
	s = start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
		c, ok := middleware.From(r.Context())
		if !ok {
			t.Error("From() = false in a handler, want true")
		}
		controllers <- c
		<-released
	})
	call = s.Begin(s.NewRequest("GET", "/", nil))
	return s, take(t, controllers, "Controller"), call, sync.OnceFunc(func() { close(released) })
}

func TestFrom_NoRequest(t *testing.T) {
	if c, ok := middleware.From(t.Context()); c != nil || ok {
		t.Errorf("From() outside = %v, %v, want nil, false", c, ok)
	}
}

// Any lastbyte middleware will do for From.
func TestFrom_AnyMiddleware(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		got := make(chan error, 2)
		s := pipenet.Start(t, p, abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, ok := middleware.From(r.Context())
			if !ok {
				t.Error("From() inside abort.Check = false, want true")
				return
			}
			got <- c.OnAbort(func(context.Context) {})
			got <- c.Defer(func(context.Context) {})
		})))
		get(t, s, "/")
		if on, off := take(t, got, "OnAbort"), take(t, got, "Defer"); on != nil || !errors.Is(off, eof.ErrOff) {
			t.Errorf("OnAbort, Defer = %v, %v, want nil, %v", on, off, eof.ErrOff)
		}
	})
}

func TestController_OnAbort(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		_, c, call, release := controlled(t, p, m)
		defer release()
		called := make(chan struct{}, 2)
		if err := c.OnAbort(func(context.Context) { called <- struct{}{} }); err != nil {
			t.Errorf("OnAbort() = %v, want nil", err)
		}
		if err := c.OnAbort(func(context.Context) {}); !errors.Is(err, abort.ErrDuplicate) {
			t.Errorf("OnAbort() again = %v, want %v", err, abort.ErrDuplicate)
		}
		call.Cancel()
		take(t, called, "callback")
		if o := c.Outcome(); o.Abort == nil {
			t.Error("Outcome().Abort = nil, want the abort")
		}
	})
}

func TestController_Exit(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		_, c, call, release := controlled(t, p, m)
		if err := c.Exit(1); !errors.Is(err, exitcode.ErrInvalidCode) {
			t.Errorf("Exit(1) = %v, want %v", err, exitcode.ErrInvalidCode)
		}
		if err := c.Exit(404); err != nil {
			t.Errorf("Exit(404) = %v, want nil", err)
		}
		if err := c.Exit(500); !errors.Is(err, exitcode.ErrExited) {
			t.Errorf("Exit(500) = %v, want %v", err, exitcode.ErrExited)
		}
		release()
		res, err := call.Wait()
		if status, text := answer(t, res, err); status != 404 || text != "404 Not Found\n" {
			t.Errorf("answer = %d %q, want 404 and its page", status, text)
		}
		if o := c.Outcome(); !o.Exited || o.Exit != 404 || o.Status != 404 {
			t.Errorf("Outcome() = %+v, want exit 404", o)
		}
	})
}

func TestController_EOF(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		_, c, call, release := controlled(t, p, m)
		defer release()
		if m.name == "Handler" {
			if err := c.EOF(); !errors.Is(err, eof.ErrNotDetached) {
				t.Errorf("EOF() without Detach = %v, want %v", err, eof.ErrNotDetached)
			}
			return
		}
		if err := c.EOF(); err != nil {
			t.Errorf("EOF() = %v, want nil", err)
		}
		res, err := call.Wait()
		if status, text := answer(t, res, err); status != 200 || text != "" {
			t.Errorf("answer = %d %q, want 200, empty", status, text)
		}
		if err := c.EOF(); !errors.Is(err, eof.ErrEnded) {
			t.Errorf("EOF() again = %v, want %v", err, eof.ErrEnded)
		}
	})
}

func TestController_Defer(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		_, c, call, release := controlled(t, p, m)
		ran := make(chan struct{}, 2)
		if err := c.Defer(func(context.Context) { ran <- struct{}{} }); err != nil {
			t.Errorf("Defer() = %v, want nil", err)
		}
		none(t, ran, "task before the response")
		release()
		res, err := call.Wait()
		answer(t, res, err)
		take(t, ran, "task")
	})
}

func TestController_Spawn(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s, c, _, release := controlled(t, p, m)
		failed := errors.New("the thread's")
		th, err := c.Spawn(func(ctx context.Context) error {
			time.Sleep(time.Hour)
			return failed
		})
		if err != nil {
			t.Fatalf("Spawn() = %v, want nil", err)
		}
		release()
		none(t, s.ended, "end of the response before the thread")
		if err := th.Wait(t.Context()); err != failed {
			t.Errorf("Wait() = %v, want %v", err, failed)
		}
		if o := take(t, s.ended, "OnEnd"); o.Duration != time.Hour {
			t.Errorf("Duration = %v, want 1h", o.Duration)
		}
	})
}

// After the request each verb says so.
func TestController_Ended(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		_, c, call, release := controlled(t, p, m)
		release()
		res, err := call.Wait()
		answer(t, res, err)
		synctest.Wait()
		_, spawned := c.Spawn(func(context.Context) error { return nil })
		for _, got := range []struct {
			verb      string
			err, want error
		}{
			{"OnAbort", c.OnAbort(func(context.Context) {}), abort.ErrEnded},
			{"Exit", c.Exit(500), exitcode.ErrEnded},
			{"EOF", c.EOF(), eof.ErrEnded},
			{"Spawn", spawned, thread.ErrEnded},
		} {
			if !errors.Is(got.err, got.want) {
				t.Errorf("%s() after the request = %v, want %v", got.verb, got.err, got.want)
			}
		}
		ran := make(chan struct{}, 1)
		if err := c.Defer(func(context.Context) { ran <- struct{}{} }); err != nil {
			t.Errorf("Defer() after the response = %v, want nil", err)
		}
		take(t, ran, "task")
	})
}

// All methods at once, from many goroutines, while the handler writes: one
// ending wins, and the race detector has nothing to say.
func TestController_AnyGoroutine(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		for range 20 {
			anyGoroutine(t, p, m)
		}
	})
}

func anyGoroutine(t *testing.T, p pipenet.Proto, m mount) {
	exits := make(chan error, 8)
	s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
		c, _ := middleware.From(r.Context())
		for i := range 4 {
			go func() { c.OnAbort(func(context.Context) {}) }()
			go func() { exits <- c.Exit(exitcode.Code(500 + i)) }()
			go func() { c.Defer(func(context.Context) {}) }()
			go func() { c.Spawn(func(context.Context) error { return nil }) }()
			go func() { c.Outcome() }()
		}
		io.WriteString(w, "some")
	})
	res, err := s.Get("/")
	if err == nil {
		res.Body.Close()
	}
	o := take(t, s.ended, "OnEnd")
	won := 0
	for range 4 {
		if err := take(t, exits, "Exit"); err == nil || errors.Is(err, exitcode.ErrHeaderSent) {
			won++
		}
	}
	if want := map[bool]int{true: 1, false: 0}[o.Exited]; won != want {
		t.Errorf("%d exits won, want %d: Outcome %+v", won, want, o)
	}
}
