package abort_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
)

func TestA12_SecondRequestOfTheConnection(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		called := make(chan string, 4)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			done := make(chan struct{})
			abort.On(r.Context(), func(context.Context) { called <- r.URL.Path + " from " + r.RemoteAddr; close(done) })
			if r.URL.Path == "/2" {
				<-done
			}
			io.WriteString(w, r.RemoteAddr)
		})
		first := s.Get("/1")
		r := first.Response()
		if r.Status != 200 || r.Body == "" || r.Err != nil {
			t.Errorf("first request = %+v, want 200 and an address", r)
		}
		if o := ended(t, first); o.Abort != nil || o.Status != 200 {
			t.Errorf("first Outcome = %d, %v, want 200, no abort", o.Status, o.Abort)
		}
		call := s.Get("/2")
		none(t, called, "callback while the client is there")
		call.Leave(aborttest.Timeout)
		if got := take(t, called, "callback of the second"); got != "/2 from "+r.Body {
			t.Errorf("callback of %q ran, want that of /2 from %s, as the first", got, r.Body)
		}
		if o := ended(t, call); o.Abort == nil {
			t.Error("second Outcome has no abort, want one")
		}
		none(t, called, "callback of the first")
	})
}

func TestA13_RegisteredInAMiddleware(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
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
		call := s.Get("/")
		if err := take(t, second, "On in the handler"); !errors.Is(err, abort.ErrDuplicate) {
			t.Errorf("On() in the handler = %v, want %v", err, abort.ErrDuplicate)
		}
		call.Leave(aborttest.Timeout)
		if got := take(t, called, "callback"); got != "set outside" {
			t.Errorf("callback's ctx has %v, want the middleware's value", got)
		}
		close(release)
		none(t, called, "second callback")
	})
}

func TestA14_RegisteredAfterTheClientLeft(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		left, called := make(chan struct{}), make(chan error, 4)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			<-left
			if err := abort.On(r.Context(), func(context.Context) { called <- r.Context().Err() }); err != nil {
				t.Errorf("On() = %v, want nil", err)
			}
			w.WriteHeader(http.StatusAccepted)
		})
		call := s.Get("/")
		synctest.Wait()
		call.Leave(aborttest.Timeout)
		synctest.Wait()
		close(left)
		if err := take(t, called, "callback"); err != nil {
			t.Errorf("the request's Err() in the callback = %v, want nil: nobody had looked before", err)
		}
		if o := ended(t, call); o.Status != 202 || o.Abort == nil {
			t.Errorf("Outcome = %d, %v, want 202, an abort", o.Status, o.Abort)
		}
		none(t, called, "second callback")
	})
}

func TestA14_RegisteredAfterTheContextEnded(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
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
		call := s.Get("/")
		synctest.Wait()
		call.Leave(aborttest.Timeout)
		take(t, called, "callback")
		if o := ended(t, call); o.Status != 499 || o.Sent != 0 {
			t.Errorf("Outcome = %d, %d, want 499, 0", o.Status, o.Sent)
		}
		none(t, called, "second callback")
	})
}
