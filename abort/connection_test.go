package abort_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

func TestA12_SecondRequestOfTheConnection(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		called := make(chan string, 4)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			done := make(chan struct{})
			abort.On(r.Context(), func(context.Context) { called <- r.URL.Path; close(done) })
			if r.URL.Path == "/2" {
				<-done
			}
			io.WriteString(w, "answer")
		})
		if status, text := mustGet(t, s.Server, "/1"); status != 200 || text != "answer" {
			t.Errorf("first request = %d %q, want 200 answer", status, text)
		}
		if o := take(t, s.ended, "OnEnd of the first"); o.Abort != nil || o.Status != 200 {
			t.Errorf("first Outcome = %d, %v, want 200, no abort", o.Status, o.Abort)
		}
		call := s.Begin(s.NewRequest("GET", "/2", nil))
		none(t, called, "callback while the client is there")
		if n := len(s.Conns()); n != 1 {
			t.Fatalf("2 requests took %d connections, want 1", n)
		}
		call.Cancel()
		if got := take(t, called, "callback of the second"); got != "/2" {
			t.Errorf("callback of %q ran, want that of /2", got)
		}
		if o := take(t, s.ended, "OnEnd of the second"); o.Abort == nil {
			t.Error("second Outcome has no abort, want one")
		}
		none(t, called, "callback of the first")
	})
}

func TestA13_RegisteredInAMiddleware(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		type key struct{}
		called, second := make(chan any, 4), make(chan error, 1)
		register := func(next http.HandlerFunc) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				ctx := context.WithValue(r.Context(), key{}, "set outside")
				if err := abort.On(ctx, func(ctx context.Context) { called <- ctx.Value(key{}) }); err != nil {
					t.Errorf("On() in the middleware = %v, want nil", err)
				}
				next(w, r.WithContext(ctx))
			}
		}
		release := make(chan struct{})
		s := start(t, p, m, register(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			second <- abort.On(ctx, func(context.Context) { called <- "the handler's" })
			<-release
		}))
		call := s.Begin(s.NewRequest("GET", "/", nil))
		if err := take(t, second, "On in the handler"); !errors.Is(err, abort.ErrDuplicate) {
			t.Errorf("On() in the handler = %v, want %v", err, abort.ErrDuplicate)
		}
		call.Cancel()
		if got := take(t, called, "callback"); got != "set outside" {
			t.Errorf("callback's ctx has %v, want the middleware's value", got)
		}
		close(release)
		none(t, called, "second callback")
	})
}

func TestA14_RegisteredAfterTheClientLeft(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		left, called := make(chan struct{}), make(chan error, 4)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			<-left
			if err := abort.On(r.Context(), func(context.Context) { called <- r.Context().Err() }); err != nil {
				t.Errorf("On() = %v, want nil", err)
			}
			w.WriteHeader(http.StatusAccepted)
		})
		call := s.Begin(s.NewRequest("GET", "/", nil))
		synctest.Wait()
		call.Cancel()
		synctest.Wait()
		close(left)
		if err := take(t, called, "callback"); err != nil {
			t.Errorf("the request's Err() in the callback = %v, want nil: nobody had looked before", err)
		}
		if o := take(t, s.ended, "OnEnd"); o.Status != 202 || o.Abort == nil {
			t.Errorf("Outcome = %d, %v, want 202, an abort", o.Status, o.Abort)
		}
		none(t, called, "second callback")
	})
}

func TestA14_RegisteredAfterTheContextEnded(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		called := make(chan struct{}, 4)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			done := make(chan struct{})
			if err := abort.On(r.Context(), func(context.Context) { called <- struct{}{}; close(done) }); err != nil {
				t.Errorf("On() = %v, want nil", err)
				return
			}
			<-done
			w.WriteHeader(http.StatusAccepted)
		})
		call := s.Begin(s.NewRequest("GET", "/", nil))
		synctest.Wait()
		call.Cancel()
		take(t, called, "callback")
		if o := take(t, s.ended, "OnEnd"); o.Status != 499 || o.Sent != 0 {
			t.Errorf("Outcome = %d, %d, want 499, 0", o.Status, o.Sent)
		}
		none(t, called, "second callback")
	})
}
