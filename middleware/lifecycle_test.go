package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// Handler switches on the check, the exit settings, Defer and After.
func TestLifecycle_Handler_SwitchesOn(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		errs := make(chan error, 3)
		s := start(t, p, m, middleware.Options{Exit: exitcode.Options{ErrorPage: exitcode.ProblemJSON}},
			func(w http.ResponseWriter, r *http.Request) {
				errs <- abort.On(r.Context(), func(context.Context) {})
				errs <- eof.Defer(r.Context(), func(context.Context) {})
				errs <- eof.After(r.Context(), time.Hour, func(context.Context) {})
				exitcode.Exit(r.Context(), 404)
			})
		res, err := s.Get("/")
		status, text := answer(t, res, err)
		if want := `{"type":"about:blank","title":"Not Found","status":404,"instance":"/"}`; status != 404 || strings.TrimSpace(text) != want {
			t.Errorf("answer = %d %q, want 404 with the page of the options %q", status, text, want)
		}
		for _, verb := range []string{"abort.On", "eof.Defer", "eof.After"} {
			if err := take(t, errs, verb); err != nil {
				t.Errorf("%s = %v, want nil", verb, err)
			}
		}
	})
}

// Handler around Detach, or around itself, is one request, one line and one
// OnEnd.
func TestLifecycle_Nested(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		nested := mount{"nested", func(l *middleware.Lifecycle, h http.Handler) http.Handler {
			return l.Handler(l.Handler(l.Detach(l.Detach(h))))
		}}
		s := start(t, p, nested, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "once")
			if err := eof.Send(r.Context()); err != nil {
				t.Errorf("Send() = %v, want nil", err)
			}
		})
		if status, text := get(t, s.Server, "/"); status != 200 || text != "once" {
			t.Errorf("answer = %d %q, want 200 once", status, text)
		}
		take(t, s.ended, "OnEnd")
		none(t, s.ended, "OnEnd, again")
		if st := s.life.Stats(); st.Requests != 1 || st.EOFs != 1 || st.Active != 0 {
			t.Errorf("Stats() = %+v, want one request, one EOF", st)
		}
	})
}

func TestLifecycle_OnEnd_ServingGoroutine(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		// On the serving goroutine, so before ServeHTTP returns.
		var ended atomic.Bool
		seen := make(chan bool, 1)
		life := newLife(t, middleware.Options{OnEnd: func(*http.Request, middleware.Outcome) { ended.Store(true) }})
		h := m.wrap(life, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		s := pipenet.Start(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			seen <- ended.Load()
		}))
		get(t, s, "/")
		if !take(t, seen, "return of ServeHTTP") {
			t.Error("OnEnd had not run when ServeHTTP returned, want it before")
		}
	})
}

func TestLifecycle_OnEnd_Panics(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		life := newLife(t, middleware.Options{OnEnd: func(*http.Request, middleware.Outcome) { panic("OnEnd, on purpose") }})
		s := pipenet.Start(t, p, m.wrap(life, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
		if res, err := s.Get("/"); err == nil {
			t.Errorf("Get() = %v, want an error, as when a handler panics", res.Status)
		}
		synctest.Wait()
		if !strings.Contains(s.Logs(), "OnEnd, on purpose") {
			t.Errorf("Logs() = %q, want the panic", s.Logs())
		}
		if st := life.Stats(); st.Active != 0 || st.Requests != 1 {
			t.Errorf("Stats() = %+v, want no active request of 1", st)
		}
	})
}

func TestLifecycle_Stats(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		release := make(chan struct{})
		s := start(t, p, mounts[1], middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/exit":
				exitcode.Exit(r.Context(), 404)
			case "/abort":
				<-r.Context().Done()
			case "/send":
				eof.Defer(r.Context(), func(context.Context) { <-release })
				eof.Send(r.Context())
				<-release
			case "/work":
				<-release
			}
		})
		get(t, s.Server, "/")
		get(t, s.Server, "/exit")
		get(t, s.Server, "/exit")
		get(t, s.Server, "/send")
		call := s.Begin(s.NewRequest("GET", "/abort", nil))
		work := s.Begin(s.NewRequest("GET", "/work", nil))
		synctest.Wait()
		if st := s.life.Stats(); st.Active != 2 || st.Requests != 6 || st.Aborts != 0 {
			t.Errorf("Stats() = %+v, want 2 active of 6 requests, no abort", st)
		}
		call.Cancel()
		synctest.Wait()
		st := s.life.Stats()
		if st.Active != 1 || st.Requests != 6 || st.Aborts != 1 || st.Exits != 2 || st.EOFs != 1 {
			t.Errorf("Stats() = %+v, want 1 active, 6 requests, 1 abort, 2 exits, 1 EOF", st)
		}
		if b := st.Background; b.Detached != 1 || b.Running != 1 {
			t.Errorf("Stats().Background = %+v, want 1 detached, 1 running", b)
		}
		close(release)
		res, err := work.Wait()
		answer(t, res, err)
		synctest.Wait()
		if st := s.life.Stats(); st.Active != 0 || st.Background.Detached != 0 || st.Background.Running != 0 {
			t.Errorf("Stats() at the end = %+v, want nothing at work", st)
		}
	})
}

func TestLifecycle_Shutdown(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		worked := make(chan time.Time, 1)
		s := start(t, p, mounts[1], middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context())
			time.Sleep(time.Hour)
			worked <- time.Now()
		})
		get(t, s.Server, "/")
		if err := s.Config.Shutdown(t.Context()); err != nil {
			t.Errorf("Server.Shutdown() = %v, want nil", err)
		}
		none(t, worked, "end of the work before Lifecycle.Shutdown")
		if err := s.life.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown() = %v, want nil", err)
		}
		if at := take(t, worked, "end of the work"); !at.Equal(time.Now()) {
			t.Errorf("Shutdown() returned %v after the work, want at once", time.Since(at))
		}
	})
}

func TestLifecycle_Shutdown_GivesUp(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		causes := make(chan error, 1)
		s := start(t, p, mounts[1], middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context())
			<-r.Context().Done()
			causes <- context.Cause(r.Context())
		})
		get(t, s.Server, "/")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := s.life.Shutdown(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(fmt.Sprint(err), "1") {
			t.Errorf("Shutdown() = %v, want %v and how much is left", err, context.DeadlineExceeded)
		}
		if cause := take(t, causes, "cause"); cause != eof.ErrShuttingDown {
			t.Errorf("Cause = %v, want %v", cause, eof.ErrShuttingDown)
		}
		if lost := s.life.Stats().Background.Lost; lost != 1 {
			t.Errorf("Stats().Background.Lost = %d, want 1", lost)
		}
	})
}

func TestNew_BadOptions(t *testing.T) {
	for _, c := range []struct {
		o    middleware.Options
		want string
	}{
		{middleware.Options{Abort: abort.Options{CallbackTimeout: -1}}, "abort.New: "},
		{middleware.Options{Background: eof.Options{Running: -1}}, "eof.New: "},
		{middleware.Options{Background: eof.Options{Timeout: -1}}, "eof.New: "},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.HasPrefix(got, c.want) {
					t.Errorf("New(%+v) panics with %q, want %q first", c.o, got, c.want)
				}
			}()
			middleware.New(c.o)
		}()
	}
}
