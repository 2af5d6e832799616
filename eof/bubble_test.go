package eof_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// returned is the key of a channel that a handler closes when it returns.
type returned struct{}

// A Background that was made outside of bubbles, as those that a package keeps in
// variables, serves requests in and outside of bubbles, in any order. A bubble ends
// without a Shutdown of it: no goroutine is left in there.
func TestBackground_InAndOutsideOfBubbles(t *testing.T) {
	everywhere, everywhereLife := eof.New(eof.Options{}), middleware.New(middleware.Options{})
	defer func() {
		for _, b := range []interface{ Shutdown(context.Context) error }{everywhere, everywhereLife} {
			if err := b.Shutdown(t.Context()); err != nil {
				t.Errorf("Shutdown() = %v, want nil", err)
			}
		}
	}()
	for name, mount := range map[string]func(http.Handler) http.Handler{
		"Background": everywhere.Detach,
		"Lifecycle":  func(h http.Handler) http.Handler { return everywhereLife.Handler(everywhereLife.Detach(h)) },
	} {
		t.Run(name, func(t *testing.T) {
			h := mount(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if returns, ok := r.Context().Value(returned{}).(chan struct{}); ok {
					defer close(returns)
				}
				io.WriteString(w, answer)
				if err := eof.Send(r.Context()); err != nil {
					t.Errorf("Send() = %v, want nil", err)
				}
				done := make(chan struct{})
				if err := eof.After(r.Context(), time.Millisecond, func(context.Context) { close(done) }); err != nil {
					t.Errorf("After() = %v, want nil", err)
				}
				<-done
			}))
			outside := func() {
				w, returns := httptest.NewRecorder(), make(chan struct{})
				h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil).WithContext(context.WithValue(t.Context(), returned{}, returns)))
				<-returns // it calls After, which Shutdown refuses
				if got := w.Body.String(); got != answer {
					t.Errorf("body outside of bubbles = %q, want %q", got, answer)
				}
			}
			for range 3 {
				outside()
				outside()
				pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
					s := pipenet.Start(t, p, h)
					for range 2 {
						get(t, s, "/").want(t, 200, answer)
					}
					time.Sleep(time.Second) // the tasks have run
				})
			}
			outside()
		})
	}
}

// One that was made in a bubble may be used outside of it afterwards.
func TestBackground_MadeInABubble(t *testing.T) {
	var b *eof.Background
	h := func() {
		w := httptest.NewRecorder()
		b.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, answer)
		})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if got := w.Body.String(); got != answer {
			t.Errorf("body = %q, want %q", got, answer)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		b = eof.New(eof.Options{})
		h()
		h()
		if err := b.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown() = %v, want nil", err)
		}
	})
	h()
}
