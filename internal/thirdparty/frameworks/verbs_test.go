package thirdparty_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// eachWay is each, for Handler and Detach around the engine.
func eachWay(t *testing.T, do func(call), body func(t *testing.T, s *pipenet.Server, ended <-chan middleware.Outcome)) {
	t.Helper()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			each(t, func(t *testing.T, p pipenet.Proto, f framework) {
				life, ended := lifecycle(t)
				body(t, pipenet.Start(t, p, way.wrap(life, f.serve(do)), life.Attach), ended)
			})
		})
	}
}

// Exit, Throw and an exit by a thread replace what the framework would answer;
// its recoverer does not take Throw for a panic.
func TestExit(t *testing.T) {
	for _, c := range []struct {
		name   string
		do     func(call)
		status int
		body   string
		record int
	}{
		{"answer", func(c call) { _ = c.text(201, "made "+c.id()) }, 201, "made x", 201},
		{"exit 403", func(c call) { _ = exitcode.Exit(c.ctx, 403); _ = c.text(200, "too late") }, 403, "403 Forbidden\n", 403},
		{"throw 404", func(c call) { exitcode.Throw(c.ctx, 404) }, 404, "404 Not Found\n", 404},
		{"exit 444", func(c call) { _ = exitcode.Exit(c.ctx, 444) }, 0, "", 444},
		{"a thread exits 503", func(c call) {
			_, _ = thread.Spawn(c.ctx, func(ctx context.Context) error { return exitcode.Exit(ctx, 503) })
			<-c.ctx.Done()
		}, 503, "503 Service Unavailable\n", 503},
		{"exit 200 after the answer", func(c call) { _ = c.text(410, "gone"); _ = exitcode.Exit(c.ctx, 200) }, 410, "gone", 410},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachWay(t, c.do, func(t *testing.T, s *pipenet.Server, ended <-chan middleware.Outcome) {
				if status, body := get(s, "/x"); status != c.status || body != c.body {
					t.Errorf("the answer is %d %q, want %d %q", status, body, c.status, c.body)
				}
				if o := <-ended; o.Status != c.record || o.Panicked {
					t.Errorf("Outcome = %+v, want %d", o, c.record)
				}
			})
		})
	}
}

// The callback of a client that leaves runs once and has the request's values;
// its exit ends the handler's context.
func TestAbort(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			each(t, func(t *testing.T, p pipenet.Proto, f framework) {
				life, ended := lifecycle(t)
				begun, exit, cause := make(chan error, 1), make(chan error, 1), make(chan error, 1)
				h := f.serve(func(c call) {
					begun <- abort.On(c.ctx, func(ctx context.Context) { exit <- exitcode.Exit(ctx, exitcode.ClientClosedRequest) })
					<-c.ctx.Done()
					cause <- context.Cause(c.ctx)
				})
				s := pipenet.Start(t, p, way.wrap(life, h), life.Attach)
				call := s.Begin(s.NewRequest("GET", "/x", nil))
				if err := <-begun; err != nil {
					t.Errorf("On() = %v, want nil", err)
				}
				call.Cancel()
				if err := <-exit; err != nil {
					t.Errorf("Exit() = %v, want nil", err)
				}
				var e *exitcode.ExitError
				if err := <-cause; !errors.As(err, &e) || e.Code != exitcode.ClientClosedRequest {
					t.Errorf("the cause is %v, want exit 499", err)
				}
				if o := <-ended; o.Status != 499 || o.Abort == nil || o.Sent != 0 {
					t.Errorf("Outcome = %+v, want 499, an abort, nothing sent", o)
				}
			})
		})
	}
}

// What a middleware around the engine puts into the context reaches the
// framework's handlers, and a phase ends the request before them.
func TestPhase_AroundTheEngine(t *testing.T) {
	type key struct{}
	access := exitcode.Phase(func(_ http.ResponseWriter, r *http.Request) exitcode.Code {
		if r.URL.Path == "/secret" {
			return http.StatusForbidden
		}
		return exitcode.OK
	})
	user := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, "bob")))
		})
	}
	each(t, func(t *testing.T, p pipenet.Proto, f framework) {
		life, _ := lifecycle(t)
		h := f.serve(func(c call) { _ = c.text(200, "hello, "+c.ctx.Value(key{}).(string)) })
		s := pipenet.Start(t, p, life.Handler(access(user(life.Detach(h)))))
		if status, body := get(s, "/x"); status != 200 || body != "hello, bob" {
			t.Errorf("the answer is %d %q, want 200 and the user", status, body)
		}
		if status, body := get(s, "/secret"); status != 403 || body != "403 Forbidden\n" {
			t.Errorf("the answer is %d %q, want the phase's", status, body)
		}
	})
}
