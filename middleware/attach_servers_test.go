package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// shared serves by one Lifecycle on several servers; every request leaves a task
// for an hour later.
type shared struct {
	life      *middleware.Lifecycle
	refused   chan error // what After gave, nil included
	premature chan bool  // what the tasks saw
}

func (s *shared) start(t *testing.T, p pipenet.Proto) *pipenet.Server {
	h := s.life.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.refused <- eof.After(r.Context(), time.Hour, func(ctx context.Context) { s.premature <- eof.Premature(ctx) })
	}))
	return pipenet.Start(t, p, h, func(srv *http.Server) { s.life.Attach(srv) })
}

func (s *shared) want(t *testing.T, what string, tasks int, after error) {
	t.Helper()
	synctest.Wait()
	if n := len(s.premature); n != tasks {
		t.Errorf("%s: %d tasks have run, want %d", what, n, tasks)
	}
	for range len(s.premature) {
		if !<-s.premature {
			t.Errorf("%s: a task ran that was not premature", what)
		}
	}
	if err := <-s.refused; !errors.Is(err, after) {
		t.Errorf("%s: After = %v, want %v", what, err, after)
	}
}

// TestLifecycle_TwoServers: the tasks of one server go on while another is shut
// down. The last one begins the drain, and a server that comes later ends it.
func TestLifecycle_TwoServers(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		s := &shared{newLife(t, middleware.Options{}), make(chan error, 8), make(chan bool, 8)}
		first, second := s.start(t, p), s.start(t, p)
		get(t, first, "/")
		s.want(t, "before", 0, nil)
		for range 2 { // the second call says nothing new
			if err := first.Config.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		get(t, second, "/")
		s.want(t, "one of two is shut down", 0, nil)

		go second.Config.Shutdown(t.Context())
		synctest.Wait()
		third := s.start(t, p)
		get(t, third, "/")
		s.want(t, "both are shut down, and a third serves", 2, nil)
		third.Config.Shutdown(t.Context())
		synctest.Wait()
		if n := len(s.premature); n != 1 {
			t.Errorf("the last server is shut down: %d tasks have run, want 1", n)
		}
	})
}

// TestLifecycle_DrainOfTwoServers: who asks for the drain has it, whatever serves;
// also one that gives up is ended by the next server.
func TestLifecycle_DrainOfTwoServers(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		s := &shared{newLife(t, middleware.Options{}), make(chan error, 8), make(chan bool, 8)}
		first, _ := s.start(t, p), s.start(t, p)
		get(t, first, "/")
		s.want(t, "before", 0, nil)
		if err := s.life.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown() = %v, want nil", err)
		}
		get(t, first, "/")
		s.want(t, "drained", 1, eof.ErrShuttingDown)

		ended, cancel := context.WithCancel(t.Context())
		cancel()
		s.life.Shutdown(ended)
		get(t, s.start(t, p), "/")
		s.want(t, "a server after that", 0, nil)
	})
}

// A Lifecycle whose observer refers to its server goes with that server.
func TestLifecycle_Attach_KeepsNothing(t *testing.T) {
	attach := func() weak.Pointer[middleware.Lifecycle] {
		srv := new(http.Server)
		life := middleware.New(middleware.Options{
			OnEnd: func(*http.Request, middleware.Outcome) { srv.SetKeepAlivesEnabled(false) },
		})
		life.Attach(srv)
		return weak.Make(life)
	}
	life := attach()
	for range 100 { // what a cleanup holds goes one cycle later
		runtime.GC()
		if life.Value() == nil {
			return
		}
	}
	t.Error("the Lifecycle is reachable after its server, want it gone")
}
