package eof_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// The client has its answer and resets the connection. The server sees that,
// and the work does not. E15: a call that it makes with ctx goes through.
func TestE9_E15_OnSockets(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "from the backend") }))
	defer backend.Close()
	onSockets(t, func(t *testing.T, l *link) {
		gone, called, done := make(chan struct{}), make(chan string, 1), make(chan error, 1)
		s := l.detach(t, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			abort.On(ctx, func(context.Context) { called <- "the abort callback has run" })
			io.WriteString(w, answer)
			err := eof.Send(ctx)
			watched := ctx.Done()
			<-gone
			out, _ := http.NewRequestWithContext(ctx, "GET", backend.URL, nil)
			res, failed := backend.Client().Do(out)
			if failed == nil {
				_, failed = io.ReadAll(res.Body)
				res.Body.Close()
			}
			err = errors.Join(err, failed)
			select {
			case <-watched:
				err = errors.Join(err, context.Cause(ctx))
			default:
			}
			if e, aborted := abort.Cause(ctx); aborted {
				err = errors.Join(err, e)
			}
			done <- err
		}, func(srv *http.Server) {
			srv.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateClosed {
					close(gone)
				}
			}
		})
		s.get(t, "/").want(t, 200, answer)
		s.conns[0].(*net.TCPConn).SetLinger(0)
		s.conns[0].Close()
		wantErr(t, "Send, a call with ctx and the end of ctx when the client is gone", <-done, nil)
		shutdown(t, s.life)
		if st := s.life.Stats(); st.Aborts != 0 || st.EOFs != 1 || len(called) > 0 {
			t.Errorf("Stats() = %+v, %d callbacks have run; want no abort and one EOF", st, len(called))
		}
	})
}

func TestE10_OnSockets(t *testing.T) {
	onSockets(t, func(t *testing.T, l *link) {
		got := make(chan caught, 1)
		life := middleware.New(middleware.Options{Background: eof.Options{OnPanic: onPanic(got)}})
		s := l.serve(t, life, life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, answer)
			eof.Send(r.Context())
			if r.URL.Path == "/panic" {
				panicsLate("boom")
			}
		})))
		for range 3 {
			s.get(t, "/panic").want(t, 200, answer)
			(<-got).want(t, "boom", "panicsLate")
		}
		s.get(t, "/").want(t, 200, answer)
		s.wantConns(t, 1)
		shutdown(t, life)
		if st := life.Stats().Background; st.Panicked != 3 || st.Done != 1 {
			t.Errorf("Stats() = %+v, want 3 that panicked, 1 done", st)
		}
	})
}

func TestE11_OnSockets(t *testing.T) {
	onSockets(t, func(t *testing.T, l *link) {
		type result struct{ exit, cause error }
		got := make(chan result, 1)
		s := l.detach(t, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			io.WriteString(w, answer)
			eof.Send(ctx)
			if r.URL.Path == "/next" {
				return
			}
			exit := exitcode.Exit(ctx, map[string]exitcode.Code{"/503": 503, "/444": 444, "/-1": -1}[r.URL.Path])
			<-ctx.Done()
			got <- result{exit, context.Cause(ctx)}
		})
		for path, code := range map[string]exitcode.Code{"/503": 503, "/444": 444, "/-1": -1} {
			s.get(t, path).want(t, 200, answer)
			r := <-got
			wantErr(t, "Exit after Send", r.exit, exitcode.ErrEnded)
			if e, ok := errors.AsType[*exitcode.ExitError](r.cause); !ok || e.Code != code {
				t.Errorf("the cause of ctx = %v, want the exit with %v", r.cause, code)
			}
			s.get(t, "/next").want(t, 200, answer)
		}
		s.wantConns(t, 1)
	})
}

func TestE17_OnSockets(t *testing.T) {
	onSockets(t, func(t *testing.T, l *link) {
		if l.h2 {
			t.Skip("nothing to hijack")
		}
		sent := make(chan error, 1)
		s := l.detach(t, func(w http.ResponseWriter, r *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				sent <- err
				return
			}
			defer c.Close()
			sent <- eof.Send(r.Context())
			io.WriteString(c, "HTTP/1.1 299 Mine\r\nContent-Length: 2\r\n\r\nok")
		})
		w := s.exchange(t, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		w.next(t, "GET").want(t, 299, "ok")
		w.wantEnd(t, l.cleanEnd())
		wantErr(t, "Send after Hijack", <-sent, http.ErrHijacked)
	})
}
