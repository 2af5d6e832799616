package eof_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// whereabouts are where Draining and OnDrain may be asked for. Each calls f there, once.
var whereabouts = map[string]func(t *testing.T, ctx context.Context, f func(ctx context.Context)){
	"handler": func(_ *testing.T, ctx context.Context, f func(context.Context)) { f(ctx) },
	"after Send": func(t *testing.T, ctx context.Context, f func(context.Context)) {
		wantErr(t, "Send", eof.Send(ctx), nil)
		f(ctx)
	},
	"thread": func(t *testing.T, ctx context.Context, f func(context.Context)) {
		_, err := thread.Spawn(ctx, func(ctx context.Context) error { f(ctx); return nil })
		wantErr(t, "Spawn", err, nil)
	},
	"task": func(t *testing.T, ctx context.Context, f func(context.Context)) {
		wantErr(t, "Defer", eof.Defer(ctx, f), nil)
	},
	"thread of a task": func(t *testing.T, ctx context.Context, f func(context.Context)) {
		wantErr(t, "Defer", eof.Defer(ctx, func(ctx context.Context) {
			_, err := thread.Spawn(ctx, func(ctx context.Context) error { f(ctx); return nil })
			wantErr(t, "Spawn", err, nil)
		}), nil)
	},
}

// TestB13_Draining is open until the drain begins, and closed from then on, wherever it is
// asked for; OnDrain runs its function then, beside the one that waits.
func TestB13_Draining(t *testing.T) {
	for name, place := range whereabouts {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				life := middleware.New(middleware.Options{})
				told, ran := make(chan time.Duration, 1), make(chan time.Duration, 1)
				s := pipenet.Start(t, p, life.Detach(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					place(t, r.Context(), func(ctx context.Context) {
						start := time.Now()
						stop := eof.OnDrain(ctx, func(f context.Context) {
							wantErr(t, "the ctx.Err() of f", f.Err(), nil)
							ran <- time.Since(start)
							time.Sleep(time.Second)
							wantErr(t, "the ctx.Err() of f when the other has returned", f.Err(), nil)
						})
						select {
						case <-eof.Draining(ctx):
							told <- time.Since(start)
						case <-time.After(time.Hour):
							t.Error("Draining is open after an hour")
						}
						synctest.Wait()
						if stop() {
							t.Error("stop() = true when f has begun, want false")
						}
						<-eof.Draining(ctx) // it stays closed
					})
				})), life.Attach)
				s.Begin(s.NewRequest("GET", "/", nil))
				time.Sleep(time.Minute)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				wantErr(t, "Server.Shutdown", s.Config.Shutdown(ctx), nil)
				start := time.Now()
				shutdown(t, life)
				if d := time.Since(start); d > time.Second {
					t.Errorf("Shutdown took %v, want it to wait for f alone", d)
				}
				for what, at := range map[string]chan time.Duration{"Draining is closed": told, "f runs": ran} {
					select {
					case d := <-at:
						if d != time.Minute {
							t.Errorf("%s after %v, want 1m: when Server.Shutdown begins", what, d)
						}
					default:
						t.Errorf("not so: %s", what)
					}
				}
			})
		})
	}
}

// TestB13_DrainingOfNobody is nil, and OnDrain's function never runs.
func TestB13_DrainingOfNobody(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		never := func(context.Context) { t.Error("f has run") }
		check := func(what string, ctx context.Context, f func(context.Context)) {
			if c := eof.Draining(ctx); c != nil && f != nil {
				t.Errorf("Draining() with %s = %v, want nil", what, c)
			}
			if stop := eof.OnDrain(ctx, f); !stop() {
				t.Errorf("stop() with %s = false, want true", what)
			}
		}
		check("no request", t.Context(), never)
		check("no context", nil, never)
		phase := exitcode.Phase(func(_ http.ResponseWriter, r *http.Request) exitcode.Code {
			check("no Background", r.Context(), never)
			return exitcode.OK
		})
		b := background(t, eof.Options{})
		s := pipenet.Start(t, p, phase(b.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			check("a nil function", r.Context(), nil)
			eof.OnDrain(r.Context(), never) // the handler returns
		}))))
		get(t, s, "/").want(t, 200, "")
		shutdown(t, b)
	})
}

// TestB13_OnDrainLate: a drain that has begun has f run at once; after a forced shutdown
// with a context that has ended.
func TestB13_OnDrainLate(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		b := background(t, eof.Options{})
		inRequest(t, p, b.Handler, func(_ http.ResponseWriter, r *http.Request) {
			for _, want := range []error{nil, eof.ErrShuttingDown} {
				b.Drain()
				cause := make(chan error)
				stop := eof.OnDrain(r.Context(), func(ctx context.Context) { cause <- context.Cause(ctx) })
				wantErr(t, "the cause of f's context", <-cause, want)
				if stop() {
					t.Error("stop() = true, want false: f has run")
				}
				// The second time f begins with an ended context.
				hold := make(chan struct{})
				eof.OnDrain(r.Context(), func(ctx context.Context) { <-ctx.Done(); close(hold) })
				if want == nil {
					wantErr(t, "Shutdown", b.Shutdown(ended), context.Canceled)
				}
				<-hold
			}
		}).want(t, 200, "")
	})
}

// TestB13_OnDrainWaits: ServeHTTP, and a Shutdown, wait for f.
func TestB13_OnDrainWaits(t *testing.T) {
	for _, detach := range []bool{false, true} {
		t.Run(fmt.Sprint("detach ", detach), func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				b := background(t, eof.Options{})
				wrap := b.Handler
				if detach {
					wrap = b.Detach
				}
				s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) {
					eof.OnDrain(r.Context(), func(ctx context.Context) {
						time.Sleep(time.Minute)
						wantErr(t, "ctx.Err() in f", ctx.Err(), nil)
					})
					<-eof.Draining(r.Context())
					io.WriteString(w, answer)
				})
				call := s.Begin(s.NewRequest("GET", "/", nil))
				synctest.Wait()
				start := time.Now()
				shutdown(t, b)
				at(t, "Shutdown's return", start, time.Minute)
				res, err := call.Wait()
				read(t, res, err).want(t, 200, answer)
				at(t, "the response", start, time.Minute)
			})
		})
	}
}

// TestB13_OnDrainPanics: it is logged, and harms nobody; the threads that f spawns belong
// to the request.
func TestB13_OnDrainPanics(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		s := serve(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			eof.OnDrain(r.Context(), func(ctx context.Context) {
				_, err := thread.Spawn(ctx, func(ctx context.Context) error {
					time.Sleep(time.Second)
					wantErr(t, "ctx.Err() in a thread of f", ctx.Err(), nil)
					return nil
				})
				wantErr(t, "Spawn in f", err, nil)
				panicsLate("boom")
			})
			b.Drain()
			io.WriteString(w, answer)
		})
		get(t, s, "/").want(t, 200, answer)
		if got := s.Logs(); !strings.Contains(got, "boom") || !strings.Contains(got, "panicsLate") {
			t.Errorf("ErrorLog = %q, want the panic and its stack", got)
		}
	})
}

// TestB13_Resumed: a server that is attached after a drain has one of its own.
func TestB13_Resumed(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		s := serve(t, p, b.Handler, func(_ http.ResponseWriter, r *http.Request) {
			b.Drain()
			<-eof.Draining(r.Context())
			b.Resume()
			c := eof.Draining(r.Context())
			select {
			case <-c:
				t.Error("Draining is closed in a server that has come up again")
			default:
			}
			n := 0
			eof.OnDrain(r.Context(), func(context.Context) { n++ })
			b.Drain()
			b.Drain()
			<-c
			synctest.Wait()
			if n != 1 {
				t.Errorf("f has run %d times, want once", n)
			}
		})
		get(t, s, "/").want(t, 200, "")
	})
}
