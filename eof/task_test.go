package eof_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// A task has the request's values and nothing of its end, makes new tasks, and
// can neither end the response nor exit.
func TestTask_Context(t *testing.T) {
	type key struct{}
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		errs := make(chan map[string]error, 1)
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(context.WithValue(r.Context(), key{}, "value"))
			eof.Defer(ctx, func(ctx context.Context) {
				got := map[string]error{"ctx.Err": ctx.Err(), "Exit": exitcode.Exit(ctx, 500), "Send": eof.Send(ctx)}
				if ctx.Value(key{}) != "value" {
					got["Value"] = errors.New("missing")
				}
				wantErr(t, "Defer in a task", eof.Defer(ctx, func(inner context.Context) {
					<-ctx.Done() // the first task has returned
					if inner.Value(key{}) != "value" {
						got["inner Value"] = errors.New("missing")
					}
					got["cause"], got["inner ctx.Err"] = context.Cause(ctx), inner.Err()
					errs <- got
				}), nil)
			})
			cancel()
		})
		want := map[string]error{"Exit": exitcode.ErrEnded, "Send": eof.ErrEnded, "cause": context.Canceled}
		got := <-errs
		for call, err := range got {
			wantErr(t, call+" in a task", err, want[call])
		}
		if len(got) != 5 {
			t.Errorf("the tasks report %d things, want 5: %v", len(got), got)
		}
	})
}

func TestB9_PanicInTask(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		got := make(chan caught, 1)
		b := background(t, eof.Options{Running: 1, OnPanic: onPanic(got)})
		ran := make(chan struct{}, 1)
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), func(context.Context) { panicsLate("boom") })
			eof.Defer(r.Context(), func(context.Context) { ran <- struct{}{} })
		}).want(t, 200, "")
		(<-got).want(t, "boom", "panicsLate")
		<-ran // it has given its place back
		shutdown(t, b)
		wantStats(t, b, eof.Stats{Done: 1, Panicked: 1})
	})
}

func TestB9_PanicInTaskIsLogged(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		s := serve(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), func(context.Context) { panicsLate("boom") })
		})
		get(t, s, "/")
		shutdown(t, b)
		if got := s.Logs(); !strings.Contains(got, "boom") || !strings.Contains(got, "eof_test.panicsLate") {
			t.Errorf("ErrorLog = %q, want the panic and its stack", got)
		}
	})
}

// A task may end by runtime.Goexit, and takes no place with it.
func TestB9_GoexitInTask(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		got := make(chan caught, 1)
		b := background(t, eof.Options{Running: 1, OnPanic: onPanic(got)})
		ran := make(chan struct{}, 1)
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), func(context.Context) { runtime.Goexit() })
			eof.Defer(r.Context(), func(context.Context) { ran <- struct{}{} })
		})
		<-ran
		shutdown(t, b)
		if st := b.Stats(); len(got) > 0 || st.Running != 0 || st.Done+st.Panicked != 2 {
			t.Errorf("Stats() = %+v, OnPanic called %d times; want two that are over, and no call", st, len(got))
		}
	})
}

func TestTimeout_Task(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{Timeout: time.Second, Running: 1})
		type end struct {
			at    time.Duration
			cause error
		}
		got := make(chan end, 2)
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			for range 2 {
				eof.Defer(r.Context(), func(ctx context.Context) {
					start := time.Now()
					<-ctx.Done()
					got <- end{time.Since(start), context.Cause(ctx)}
				})
			}
		})
		for i := range 2 { // the second one's time begins with its turn
			if g, want := <-got, (end{time.Second, context.DeadlineExceeded}); g != want {
				t.Errorf("task %d ends at %v, want %v", i, g, want)
			}
		}
		shutdown(t, b)
		wantStats(t, b, eof.Stats{Done: 2})
	})
}

// A detached handler's time counts from Send; before it there is none.
func TestTimeout_Detached(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{Timeout: time.Second})
		at := make(chan time.Duration, 2)
		ends := make(chan error, 3)
		inRequest(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
			start, ctx := time.Now(), r.Context()
			time.Sleep(10 * time.Second)
			ends <- ctx.Err()
			eof.Send(ctx)
			<-ctx.Done()
			at <- time.Since(start)
			ends <- ctx.Err()
			ends <- context.Cause(ctx)
		})
		if got := <-at; got != 11*time.Second {
			t.Errorf("ctx ends at +%v, want +11s", got)
		}
		wantErr(t, "ctx.Err() before Send", <-ends, nil)
		wantErr(t, "ctx.Err() after the Timeout", <-ends, context.DeadlineExceeded)
		wantErr(t, "context.Cause after the Timeout", <-ends, context.DeadlineExceeded)
		synctest.Wait()
		wantStats(t, b, eof.Stats{Done: 1})
	})
}

func TestAfter_Timing(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		var order book
		b := background(t, eof.Options{})
		start := time.Now()
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			for _, d := range []time.Duration{2 * time.Second, time.Second, 0, -time.Second} {
				eof.After(r.Context(), d, func(ctx context.Context) {
					order.add(fmt.Sprintf("%v@%v %v", d, time.Since(start), eof.Premature(ctx)))
				})
			}
			time.Sleep(10 * time.Second) // d counts from the end of the response
		})
		synctest.Wait()
		early := order.String()
		if early != "0s@10s false -1s@10s false" && early != "-1s@10s false 0s@10s false" {
			t.Errorf("tasks at the end of the response: %s, want those of 0 and -1s", early)
		}
		wantStats(t, b, eof.Stats{Pending: 2, Done: 2})
		time.Sleep(3 * time.Second)
		if got, want := strings.TrimPrefix(order.String(), early), " 1s@11s false 2s@12s false"; got != want {
			t.Errorf("tasks later: %s, want %s", got, want)
		}
		wantStats(t, b, eof.Stats{Done: 4})
	})
}

// A handler that a task calls serves a request of its own: it is no task.
func TestSend_InARequestServedByATask(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		sent := make(chan error, 1)
		inner := b.Detach(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { sent <- eof.Send(r.Context()) }))
		inRequest(t, p, b.Handler, func(_ http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), func(ctx context.Context) {
				inner.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx))
			})
		}).want(t, 200, "")
		wantErr(t, "Send() in the inner request", <-sent, nil)
	})
}
