package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func TestServe_WaitsForBackgroundWork(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		life := newLife(t, middleware.Options{})
		worked, premature := make(chan error, 1), make(chan bool, 1)
		s := serveBy(t, p, life, life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = eof.After(r.Context(), time.Hour, func(ctx context.Context) { premature <- eof.Premature(ctx) })
			fmt.Fprint(w, "got the task!")
			_ = eof.Send(r.Context())
			select { // past the time at which requests are told
			case <-time.After(20 * time.Second):
			case <-r.Context().Done():
			}
			worked <- context.Cause(r.Context())
		})))
		get(t, s.Server, "/")
		s.stop()
		s.returned(t, 20*time.Second, "")
		if err := take(t, worked, "the end of the work"); err != nil {
			t.Errorf("the work ended with %v, want nil: SIGTERM loses nothing", err)
		}
		if !take(t, premature, "task") {
			t.Error("Premature() = false, want true")
		}
	})
}

// Background work is given up at the end of Grace, or early enough for Last.
func TestServe_GivesUpBackgroundWork(t *testing.T) {
	for _, last := range []bool{false, true} {
		t.Run(fmt.Sprintf("Last %v", last), func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				ended, called := make(chan struct{}), make(chan bool, 1)
				o := middleware.Options{Grace: 20 * time.Second}
				after := 20 * time.Second
				if last {
					after = 18 * time.Second
					o.Last = func(ctx context.Context) error {
						select {
						case <-ended:
							called <- ctx.Err() == nil
						default:
							called <- false
						}
						return errors.New("last words")
					}
				}
				life := newLife(t, o)
				s := serveBy(t, p, life, life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_ = eof.Send(r.Context())
					<-r.Context().Done()
					time.Sleep(100 * time.Millisecond) // it takes a moment to notice
					close(ended)
				})))
				get(t, s.Server, "/")
				s.stop()
				want := "shutdown gave up 1"
				if last {
					want += fmt.Sprintf(" handler (GET, %.1fs): context deadline exceeded\nlast words", after.Seconds())
				}
				s.returned(t, after, want)
				if last && !take(t, called, "Last") {
					t.Error("Last came before the work that was given up had ended, or too late")
				}
				<-ended
			})
		})
	}
}

func TestServe_LastDoesNotReturn(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		release := make(chan struct{})
		defer close(release)
		life := newLife(t, middleware.Options{Last: func(context.Context) error { <-release; return nil }})
		s := serveBy(t, p, life, life.Handler(sleeps(0)))
		get(t, s.Server, "/")
		s.stop()
		s.returned(t, 27*time.Second, "middleware: Options.Last goes on: context deadline exceeded")
	})
}

func TestServe_LastPanics(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		life := newLife(t, middleware.Options{Last: func(context.Context) error { panic("last, on purpose") }})
		s := serveBy(t, p, life, life.Handler(sleeps(0)))
		get(t, s.Server, "/")
		s.stop()
		s.returned(t, 0, "middleware: panic in Options.Last: last, on purpose")
	})
}
