package middleware_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func TestServe_ReadySaysDrainingDuringLag(t *testing.T) {
	eachServed(t, middleware.Options{Lag: 5 * time.Second}, sleeps(0), func(t *testing.T, s *service, p pipenet.Proto, _ mount) {
		if status, text := get(t, s.Server, "/ready"); status != 200 || text != "ready\n" {
			t.Errorf("/ready = %d %q, want 200", status, text)
		}
		s.stop()
		synctest.Wait()
		if status, text := get(t, s.Server, "/ready"); status != 503 || text != "draining\n" {
			t.Errorf("/ready in the lag = %d %q, want 503", status, text)
		}
		if status, text := get(t, s.Server, "/"); status != 200 || text != "done" {
			t.Errorf("a request in the lag = %d %q, want 200", status, text)
		}
		s.returned(t, 5*time.Second, "")
		if _, err := s.Get("/ready"); err == nil {
			t.Error("/ready after the drain = an answer, want none")
		}
	})
}

func TestServe_RequestEndsByItself(t *testing.T) {
	eachServed(t, middleware.Options{}, sleeps(10*time.Second), func(t *testing.T, s *service, p pipenet.Proto, _ mount) {
		call := s.Begin(s.NewRequest("GET", "/", nil))
		synctest.Wait()
		s.stop()
		s.returned(t, 10*time.Second, "")
		res, err := call.Wait()
		if status, text := answer(t, res, err); status != 200 || text != "done" {
			t.Errorf("answer = %d %q, want 200", status, text)
		}
	})
}

// At half of Grace the request's context ends, which is no abort; it has answered.
func TestServe_RequestIsToldAtHalf(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		ends, aborts := make(chan middleware.Outcome, 1), make(chan error, 1)
		life := newLife(t, middleware.Options{
			Grace: 20 * time.Second,
			OnEnd: func(_ *http.Request, o middleware.Outcome) { ends <- o },
		})
		s := serveBy(t, p, life, m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = abort.On(r.Context(), func(ctx context.Context) { aborts <- context.Cause(ctx) })
			sleeps(time.Hour)(w, r)
		})))
		call := s.Begin(s.NewRequest("GET", "/", nil))
		synctest.Wait()
		s.stop()
		s.returned(t, 10*time.Second, "")
		res, err := call.Wait()
		if status, text := answer(t, res, err); status != 503 || text != eof.ErrShuttingDown.Error() {
			t.Errorf("answer = %d %q, want 503, %v", status, text, eof.ErrShuttingDown)
		}
		if o := take(t, ends, "OnEnd"); o.Abort != nil || o.Status != 503 {
			t.Errorf("Outcome = %+v, want 503 and no abort", o)
		}
		none(t, aborts, "abort callback")
	})
}

// At three quarters the connection is cut, and Serve says what it was about; Last comes
// after the handler has returned.
func TestServe_CutsAtThreeQuarters(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		back := make(chan bool, 2)
		life := newLife(t, middleware.Options{Grace: 20 * time.Second, Last: func(context.Context) error {
			back <- false
			return nil
		}})
		mux := http.NewServeMux()
		mux.Handle("GET /deaf/{n}", m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(16 * time.Second)
			back <- true
		})))
		s := serveBy(t, p, life, mux)
		call := s.Begin(s.NewRequest("GET", "/deaf/1", nil))
		synctest.Wait()
		s.stop()
		s.returned(t, 16*time.Second, "middleware: shutdown cut off 1 request (GET /deaf/{n} 15.0s): context deadline exceeded")
		if _, err := call.Wait(); err == nil {
			t.Error("the request has an answer, want it cut")
		}
		if first := <-back; !first {
			t.Error("Last was called before the handler of a request that was cut had returned")
		}
	})
}

// Shutdown elsewhere begins the drain too, and then there is no lag: the port is
// closed already.
func TestServe_ShutdownElsewhere(t *testing.T) {
	eachServed(t, middleware.Options{Lag: 10 * time.Second}, sleeps(5*time.Second), func(t *testing.T, s *service, p pipenet.Proto, _ mount) {
		call := s.Begin(s.NewRequest("GET", "/", nil))
		synctest.Wait()
		s.began = time.Now()
		elsewhere := s.shutDown()
		s.returned(t, 5*time.Second, "")
		<-elsewhere
		res, err := call.Wait()
		if status, _ := answer(t, res, err); status != 200 {
			t.Errorf("answer = %d, want 200", status)
		}
	})
}

func TestServe_ShutdownElsewhereEndsLag(t *testing.T) {
	eachServed(t, middleware.Options{Lag: 10 * time.Second}, sleeps(0), func(t *testing.T, s *service, p pipenet.Proto, _ mount) {
		get(t, s.Server, "/")
		s.stop()
		time.Sleep(time.Second)
		elsewhere := s.shutDown()
		s.returned(t, time.Second, "")
		<-elsewhere
	})
}

// The end of ctx is no end of requests, and srv's base context stays.
func TestServe_KeepsBaseContext(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		type key struct{}
		asked := make(chan net.Listener, 4)
		life := newLife(t, middleware.Options{})
		got := make(chan any, 1)
		s := serveBy(t, p, life, m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(5 * time.Second)
			if err := r.Context().Err(); err != nil {
				t.Errorf("the context has ended with %v, want it alive until half of Grace", err)
			}
			got <- r.Context().Value(key{})
		})), func(srv *http.Server) {
			srv.BaseContext = func(ln net.Listener) context.Context {
				asked <- ln
				return context.WithValue(context.Background(), key{}, "base")
			}
			life.Attach(srv) // an earlier one is fine
		})
		for range 2 {
			get(t, s.Server, "/")
			if v := take(t, got, "value"); v != "base" {
				t.Errorf("Value() = %v, want that of BaseContext", v)
			}
		}
		call := s.Begin(s.NewRequest("GET", "/", nil))
		synctest.Wait()
		s.stop()
		s.returned(t, 5*time.Second, "")
		res, err := call.Wait()
		answer(t, res, err)
		if take(t, asked, "BaseContext") == nil {
			t.Error("BaseContext got no listener")
		}
		none(t, asked, "BaseContext, again")
	})
}

// An exit from a request that was told has its page, as any other.
func TestServe_ToldRequestExits(t *testing.T) {
	eachServed(t, middleware.Options{Exit: exitcode.Options{ErrorPage: exitcode.ProblemJSON}}, func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		_ = exitcode.Exit(r.Context(), 503)
	}, func(t *testing.T, s *service, p pipenet.Proto, _ mount) {
		call := s.Begin(s.NewRequest("GET", "/", nil))
		synctest.Wait()
		s.stop()
		s.returned(t, 13500*time.Millisecond, "")
		res, err := call.Wait()
		if status, text := answer(t, res, err); status != 503 || !strings.Contains(text, `"status":503`) {
			t.Errorf("answer = %d %q, want 503 with its page", status, text)
		}
	})
}

// Serve waits for handlers that net/http does not wait for: of streams that were reset, and
// after a Close elsewhere. They use what Last closes.
func TestServe_WaitsForHandlersWithoutAConnection(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		for _, how := range []string{"the client leaves", "Server.Close"} {
			for work, want := range map[time.Duration]string{8 * time.Second: "", 16 * time.Second: "cut off 1 request (GET \"/\" 1"} {
				var returned atomic.Bool
				life := newLife(t, middleware.Options{Grace: 20 * time.Second, Last: func(context.Context) error {
					if !returned.Load() {
						t.Errorf("%s: Last was called before the handler had returned", how)
					}
					return nil
				}})
				s := serveBy(t, p, life, m.wrap(life, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
					time.Sleep(work)
					returned.Store(true)
				})))
				call := s.Begin(s.NewRequest("GET", "/", nil))
				synctest.Wait()
				s.stop()
				if how == "Server.Close" {
					_ = s.Config.Close()
				} else {
					call.Cancel()
				}
				s.returned(t, work, want)
			}
		}
	})
}
