package eof_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func TestB4_ShutdownWaits(t *testing.T) {
	for _, c := range []struct {
		name string
		f    http.HandlerFunc
		want eof.Stats
	}{
		{"task", func(w http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), func(ctx context.Context) { time.Sleep(time.Minute) })
		}, eof.Stats{Done: 1}},
		{"task of a task", func(w http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), func(ctx context.Context) {
				time.Sleep(time.Second)
				eof.Defer(ctx, func(context.Context) { time.Sleep(59 * time.Second) })
			})
		}, eof.Stats{Done: 2}},
		{"waiting tasks", func(w http.ResponseWriter, r *http.Request) {
			for range 6 {
				eof.Defer(r.Context(), func(ctx context.Context) { time.Sleep(10 * time.Second) })
			}
		}, eof.Stats{Done: 6}},
		{"detached handler", func(w http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context())
			time.Sleep(time.Minute)
		}, eof.Stats{Done: 1}},
		{"detached handler before Send", func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			time.Sleep(30 * time.Second)
			eof.Send(r.Context())
			time.Sleep(30 * time.Second)
		}, eof.Stats{Done: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				b := background(t, eof.Options{Running: 1})
				s := serve(t, p, b.Detach, c.f)
				s.Begin(s.NewRequest("GET", "/", nil))
				synctest.Wait()
				start := time.Now()
				shutdown(t, b)
				at(t, "Shutdown's return", start, time.Minute)
				wantStats(t, b, c.want)
			})
		})
	}
}

func TestB4_ShutdownWithoutWork(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		b := background(t, eof.Options{})
		for range 2 {
			wantErr(t, "Shutdown before anything ran", b.Shutdown(t.Context()), nil)
			wantErr(t, "Shutdown with an ended context", b.Shutdown(ended), nil)
		}
		b = background(t, eof.Options{})
		wantErr(t, "the first Shutdown, with an ended context", b.Shutdown(ended), nil)
		// It is no end: what runs later is waited for by the next one.
		inRequest(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context())
			time.Sleep(time.Second)
		}).want(t, 200, "")
		start := time.Now()
		shutdown(t, b)
		at(t, "Shutdown's return", start, time.Second)
		wantStats(t, b, eof.Stats{Done: 1})
	})
}

func TestB4_ShutdownTwiceAtOnce(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), func(context.Context) { time.Sleep(time.Minute) })
		})
		start := time.Now()
		errs := make(chan error, 3)
		for range 2 {
			go func() { errs <- b.Shutdown(context.Background()) }()
		}
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			errs <- b.Shutdown(ctx)
		}()
		wantErr(t, "the Shutdown with little time", <-errs, context.DeadlineExceeded)
		at(t, "its return", start, time.Second)
		for range 2 {
			wantErr(t, "a Shutdown with all the time", <-errs, nil)
			at(t, "its return", start, time.Minute)
		}
		wantStats(t, b, eof.Stats{Lost: 1})
	})
}

func TestB5_TasksNotYetDueRunAtOnce(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		var order book
		b := background(t, eof.Options{Running: 1})
		task := func(name string) func(context.Context) {
			return func(ctx context.Context) {
				order.add(fmt.Sprint(name, " ", eof.Premature(ctx), " ", eof.Premature(context.WithoutCancel(ctx))))
				time.Sleep(time.Second)
			}
		}
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), task("now"))
			eof.After(r.Context(), time.Hour, task("later"))
		})
		synctest.Wait()
		start := time.Now()
		shutdown(t, b)
		at(t, "Shutdown's return", start, 2*time.Second)
		if got, want := order.String(), "now false false later true true"; got != want {
			t.Errorf("tasks: %s, want %s", got, want)
		}
		wantStats(t, b, eof.Stats{Done: 2})
	})
}

// A request was being served when the shutdown began, and ends during it.
func TestB5_ResponseEndsDuringShutdown(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		premature := make(chan bool, 1)
		b := background(t, eof.Options{})
		s := serve(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			eof.After(r.Context(), time.Hour, func(ctx context.Context) { premature <- eof.Premature(ctx) })
			time.Sleep(time.Second)
		})
		s.Begin(s.NewRequest("GET", "/", nil))
		synctest.Wait()
		start := time.Now()
		shutdown(t, b)
		at(t, "Shutdown's return", start, time.Second)
		if !<-premature {
			t.Error("Premature = false, want true")
		}
	})
}

func TestB6_NewTasksDuringShutdown(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		errs, ran := make(chan error, 3), make(chan bool, 2)
		b := background(t, eof.Options{})
		inRequest(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			fn := func(ctx context.Context) { ran <- eof.Premature(ctx) }
			eof.Send(ctx)
			time.Sleep(time.Second) // Shutdown has been called
			errs <- eof.After(ctx, 1, fn)
			errs <- eof.After(ctx, 0, fn)
			errs <- eof.Defer(ctx, fn)
		})
		synctest.Wait()
		shutdown(t, b)
		wantErr(t, "After with d > 0", <-errs, eof.ErrShuttingDown)
		wantErr(t, "After with d = 0", <-errs, nil)
		wantErr(t, "Defer", <-errs, nil)
		if len(ran) != 2 || <-ran || <-ran {
			t.Error("want two tasks, neither of them premature")
		}
		wantStats(t, b, eof.Stats{Done: 3, Rejected: 1})
	})
}

func TestB7_ForcedShutdown(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		causes, refused := make(chan error, 3), make(chan error, 1)
		b := background(t, eof.Options{Running: 2})
		s := serve(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			for i := range 3 { // the third one waits, and never runs
				eof.Defer(ctx, func(ctx context.Context) {
					if i == 2 {
						t.Error("a task that was given up has run")
					}
					<-ctx.Done()
					if i == 0 {
						refused <- eof.Defer(ctx, func(context.Context) {})
					}
					causes <- context.Cause(ctx)
				})
			}
			io.WriteString(w, answer)
			eof.Send(ctx)
			<-ctx.Done()
			causes <- context.Cause(ctx)
		})
		get(t, s, "/").want(t, 200, answer)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		err := b.Shutdown(ctx)
		at(t, "Shutdown's return", start, time.Minute)
		wantErr(t, "Shutdown", err, ctx.Err())
		if want := "eof: shutdown gave up 4 tasks and handlers: context deadline exceeded"; err.Error() != want {
			t.Errorf("Shutdown = %q, want %q", err, want)
		}
		for range 3 {
			wantErr(t, "the cause of a context given up", <-causes, eof.ErrShuttingDown)
		}
		wantErr(t, "Defer after a forced shutdown", <-refused, eof.ErrShuttingDown)
		synctest.Wait()
		wantStats(t, b, eof.Stats{Lost: 4, Rejected: 1})
		wantErr(t, "Shutdown once more", b.Shutdown(t.Context()), nil)
	})
}

// Work that is deaf to its context is counted as lost, once, also by a second
// shutdown that gives up.
func TestB7_ForcedTwice(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		b := background(t, eof.Options{})
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), func(context.Context) { time.Sleep(time.Hour) })
		})
		synctest.Wait()
		for range 2 {
			err := b.Shutdown(ended)
			wantErr(t, "Shutdown", err, context.Canceled)
			if !strings.Contains(fmt.Sprint(err), "gave up 1 ") {
				t.Errorf("Shutdown = %v, want it to say that 1 is left", err)
			}
			wantStats(t, b, eof.Stats{Running: 1, Lost: 1})
		}
		shutdown(t, b)
		wantStats(t, b, eof.Stats{Lost: 1})
	})
}

// The tasks of a response that has not ended are given up with the others.
func TestB7_ForcedBeforeTheResponseEnds(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		b := background(t, eof.Options{})
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			never := func(context.Context) { t.Error("a task that was given up has run") }
			eof.Defer(r.Context(), never)
			eof.After(r.Context(), time.Second, never)
			wantErr(t, "Shutdown", b.Shutdown(ended), context.Canceled)
			wantErr(t, "Defer after it", eof.Defer(r.Context(), never), eof.ErrShuttingDown)
		}).want(t, 200, "")
		time.Sleep(time.Minute)
		wantStats(t, b, eof.Stats{Lost: 2, Rejected: 1})
	})
}

func TestB8_ServerShutdownReturnsFirst(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		life := middleware.New(middleware.Options{})
		done := make(chan error, 1)
		h := life.Handler(life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, answer)
			eof.Send(r.Context())
			time.Sleep(time.Hour)
			done <- r.Context().Err()
		})))
		s := pipenet.Start(t, p, h, life.Attach)
		start := time.Now()
		get(t, s, "/").want(t, 200, answer)
		if err := s.Config.Shutdown(t.Context()); err != nil {
			t.Errorf("Server.Shutdown() = %v, want nil", err)
		}
		if d := time.Since(start); d > time.Minute || len(done) > 0 {
			t.Errorf("Server.Shutdown returns at +%v, want it before the work ends", d)
		}
		shutdown(t, life)
		at(t, "Lifecycle.Shutdown's return", start, time.Hour)
		wantErr(t, "ctx.Err() after Send", <-done, nil)
	})
}

func TestB8_ServerShutdownBeginsDraining(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		life := middleware.New(middleware.Options{})
		t.Cleanup(func() { shutdown(t, life) })
		got := make(chan error, 3)
		h := life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			eof.After(ctx, time.Hour, func(ctx context.Context) {
				if !eof.Premature(ctx) {
					got <- errors.New("an After task ran, and not early")
				}
			})
			eof.Send(ctx)
			time.Sleep(time.Minute)
			got <- eof.After(ctx, time.Second, func(context.Context) {})
			got <- eof.Defer(ctx, func(context.Context) {})
		}))
		s := pipenet.Start(t, p, h, life.Attach)
		get(t, s, "/").want(t, 200, "")
		synctest.Wait()
		s.Config.Shutdown(t.Context())
		wantErr(t, "After during Server.Shutdown", <-got, eof.ErrShuttingDown)
		wantErr(t, "Defer during Server.Shutdown", <-got, nil)
	})
}
