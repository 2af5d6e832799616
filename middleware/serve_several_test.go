package middleware_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// Of several calls of Serve, the last does what comes after the requests: work of the
// first is waited for, and Last is called once.
func TestServe_SeveralServers(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		last, worked := make(chan time.Time, 2), make(chan error, 1)
		life := newLife(t, middleware.Options{Last: func(context.Context) error { last <- time.Now(); return nil }})
		detached := life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = eof.Send(r.Context())
			select {
			case <-time.After(20 * time.Second):
			case <-r.Context().Done():
			}
			worked <- context.Cause(r.Context())
		}))
		mux := http.NewServeMux()
		mux.Handle("/", life.Handler(sleeps(10*time.Second)))
		mux.HandleFunc("/ready", life.Ready)
		first, second := serveBy(t, p, life, detached), serveBy(t, p, life, mux)
		get(t, first.Server, "/")
		call := second.Begin(second.NewRequest("GET", "/", nil))
		synctest.Wait()
		first.stop()
		second.stop()
		first.returned(t, 0, "")
		second.returned(t, 20*time.Second, "")
		res, err := call.Wait()
		if status, _ := answer(t, res, err); status != 200 {
			t.Errorf("answer of the second = %d, want 200", status)
		}
		if err := take(t, worked, "the work"); err != nil {
			t.Errorf("the work of the first ended with %v, want nil", err)
		}
		take(t, last, "Last")
		none(t, last, "Last, again")
	})
}

// One that ends alone leaves the other as it is: ready, and its tasks not due.
func TestServe_OneOfTwoEnds(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		last := make(chan time.Time, 2)
		life := newLife(t, middleware.Options{Last: func(context.Context) error { last <- time.Now(); return nil }})
		tasks := make(chan bool, 2)
		mux := http.NewServeMux()
		mux.Handle("/", life.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_ = eof.After(r.Context(), time.Hour, func(ctx context.Context) { tasks <- eof.Premature(ctx) })
		})))
		mux.HandleFunc("/ready", life.Ready)
		first, second := serveBy(t, p, life, mux), serveBy(t, p, life, mux)
		get(t, first.Server, "/")
		get(t, second.Server, "/")
		first.stop()
		first.returned(t, 0, "")
		none(t, last, "Last")
		none(t, tasks, "task")
		if status, _ := get(t, second.Server, "/ready"); status != 200 {
			t.Errorf("/ready = %d while the second serves, want 200", status)
		}
		second.stop()
		second.returned(t, 0, "")
		take(t, last, "Last")
		if !take(t, tasks, "task") {
			t.Error("Premature() = false, want true")
		}
	})
}

// The handler of a hijacked connection on the server that is gone is told by the one
// that drains.
func TestServe_HijackedOnServerThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		life := newLife(t, middleware.Options{Grace: 20 * time.Second})
		ended := make(chan error, 1)
		first := serveBy(t, pipenet.HTTP1, life, life.Handler(upgrades(t, time.Hour, ended)))
		second := serveBy(t, pipenet.HTTP1, life, life.Handler(sleeps(0)))
		upgrade(t, first.Server)
		first.stop()
		first.returned(t, 0, "")
		none(t, ended, "the handler")
		time.Sleep(time.Hour / 2)
		second.stop()
		second.returned(t, 10*time.Second, "")
		if err := take(t, ended, "the handler"); err != eof.ErrShuttingDown {
			t.Errorf("the handler's context ended with %v, want %v", err, eof.ErrShuttingDown)
		}
	})
}

// One http.Server may have several listeners.
func TestServe_OneServerTwoListeners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := make(chan net.Listener, 4)
		life := newLife(t, middleware.Options{})
		srv := &http.Server{BaseContext: func(ln net.Listener) context.Context { asked <- ln; return context.Background() }}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		lns, errs := []net.Listener{newIdle(nil), newIdle(nil)}, make(chan error, 2)
		for _, ln := range lns {
			go func() { errs <- life.Serve(ctx, srv, ln) }()
		}
		synctest.Wait()
		if a, b := take(t, asked, "BaseContext"), take(t, asked, "BaseContext"); a == b || a != lns[0] && a != lns[1] {
			t.Errorf("BaseContext got %v and %v, want each listener once", a, b)
		}
		none(t, asked, "BaseContext, again")
		stop()
		for range lns {
			if err := <-errs; err != nil {
				t.Errorf("Serve() = %v, want nil", err)
			}
		}
	})
}

// After a whole drain, the same Lifecycle serves again.
func TestServe_Again(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		life := newLife(t, middleware.Options{})
		mux := http.NewServeMux()
		mux.HandleFunc("/ready", life.Ready)
		mux.Handle("/", life.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if err := eof.After(r.Context(), time.Hour, func(context.Context) {}); err != nil {
				t.Errorf("After() = %v, want nil", err)
			}
		})))
		for range 2 {
			s := serveBy(t, p, life, mux)
			get(t, s.Server, "/")
			if status, _ := get(t, s.Server, "/ready"); status != 200 {
				t.Errorf("/ready = %d, want 200", status)
			}
			s.stop()
			s.returned(t, 0, "")
		}
	})
}
