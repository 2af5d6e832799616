package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

type connKey struct{}

// Attach leaves the server's own hooks in place: each sees what it would see
// without.
func TestLifecycle_Attach_KeepsHooks(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		type event struct {
			attached bool
			state    http.ConnState
		}
		values, events := make(chan any, 2), make(chan event, 32)
		for _, attached := range []bool{false, true} {
			life := newLife(t, middleware.Options{})
			s := pipenet.Start(t, p, life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				values <- r.Context().Value(connKey{})
			})), func(srv *http.Server) {
				srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
					return context.WithValue(ctx, connKey{}, "the server's own")
				}
				srv.ConnState = func(_ net.Conn, state http.ConnState) { events <- event{attached, state} }
				if attached {
					life.Attach(srv)
				}
			})
			get(t, s, "/")
			s.Conns()[0].Close()
			synctest.Wait()
			if v := take(t, values, "value"); v != "the server's own" {
				t.Errorf("attached %v: Value() = %v, want that of the server's ConnContext", attached, v)
			}
		}
		states := map[bool][]http.ConnState{}
		for len(events) > 0 {
			e := <-events
			states[e.attached] = append(states[e.attached], e.state)
		}
		if plain, attached := fmt.Sprint(states[false]), fmt.Sprint(states[true]); plain != attached || len(states[true]) < 3 {
			t.Errorf("ConnState sees %s, without Attach %s, want the same", attached, plain)
		}
	})
}

// A connection that is closed is forgotten.
func TestLifecycle_Attach_ForgetsConns(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		life := newLife(t, middleware.Options{})
		conns := make(chan weak.Pointer[pipenet.Conn], 1)
		s := pipenet.Start(t, p, life.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})),
			func(srv *http.Server) {
				srv.ConnState = func(c net.Conn, state http.ConnState) {
					if state == http.StateNew {
						conns <- weak.Make(c.(*pipenet.Conn))
					}
				}
				life.Attach(srv)
			})
		get(t, s, "/")
		conn := take(t, conns, "connection")
		s.Conns()[0].Close()
		synctest.Wait()
		for n := 0; n < 20 && conn.Value() != nil; n++ { // what a pool holds survives some
			runtime.GC()
		}
		if conn.Value() != nil {
			t.Error("the connection is still held after its close, want it forgotten")
		}
	})
}

// Attach installs ConnContext, so that the server's own doing is known for it.
func TestLifecycle_Attach_ConnContext(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		base, cancel := context.WithCancel(context.Background())
		begun := make(chan struct{}, 1)
		s := start(t, p, mounts[0], middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			begun <- struct{}{}
			<-r.Context().Done()
		}, func(srv *http.Server) {
			srv.BaseContext = func(net.Listener) context.Context { return base }
			attach(t, srv)
		})
		call := s.Begin(s.NewRequest("GET", "/", nil))
		take(t, begun, "request")
		cancel()
		res, err := call.Wait()
		answer(t, res, err)
		if o := take(t, s.ended, "OnEnd"); o.Abort != nil || o.Status != 200 {
			t.Errorf("Outcome = %+v, want no abort: BaseContext is the server's", o)
		}
	})
}

// attach attaches a Lifecycle of its own; which one it is makes no difference.
func attach(t *testing.T, srv *http.Server) {
	t.Helper()
	middleware.New(middleware.Options{}).Attach(srv)
	if srv.ConnContext == nil || srv.ConnState == nil {
		t.Error("Attach() left ConnContext or ConnState nil, want both")
	}
}

// With Attach, draining begins with the server's Shutdown.
func TestLifecycle_Attach_ShutdownHook(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		life := newLife(t, middleware.Options{})
		premature, errs, release := make(chan bool, 1), make(chan error, 1), make(chan struct{})
		s := pipenet.Start(t, p, life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			eof.After(r.Context(), time.Hour, func(ctx context.Context) { premature <- eof.Premature(ctx) })
			eof.Send(r.Context())
			<-release
			errs <- eof.After(r.Context(), time.Hour, func(context.Context) {})
		})), life.Attach)
		letGo := sync.OnceFunc(func() { close(release) })
		defer letGo()
		get(t, s, "/")
		none(t, premature, "task before the shutdown")
		if err := s.Config.Shutdown(t.Context()); err != nil {
			t.Errorf("Server.Shutdown() = %v, want nil", err)
		}
		if !take(t, premature, "task") {
			t.Error("Premature() = false after Server.Shutdown, want true")
		}
		letGo()
		if err := take(t, errs, "After"); !errors.Is(err, eof.ErrShuttingDown) {
			t.Errorf("After() after Server.Shutdown = %v, want %v", err, eof.ErrShuttingDown)
		}
	})
}
