package eof_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// inRequest has f run in a request to a server of its own, and gives the
// response.
func inRequest(t *testing.T, p pipenet.Proto, wrap func(http.Handler) http.Handler, f http.HandlerFunc) reply {
	t.Helper()
	s := serve(t, p, wrap, f)
	return get(t, s, "/")
}

func TestB1_DeferAfterTheHandlerReturned(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		var order book
		b := background(t, eof.Options{})
		outer := func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r)
				order.add("middleware")
			})
		}
		wrap := func(h http.Handler) http.Handler { return b.Handler(outer(h)) }
		s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), func(context.Context) { order.add("task") })
			time.Sleep(time.Second)
			order.add("handler")
		})
		get(t, s, "/")
		synctest.Wait()
		if got, want := order.String(), "handler middleware task"; got != want {
			t.Errorf("order = %q, want %q", got, want)
		}
	})
}

// The handler fills the connection, so that the end of the response has to wait
// for the client: with Attach a task of HTTP/1 waits, too.
func TestB1_AttachedDeferAfterTheLastByte(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, attach := range []bool{true, false} {
			life := middleware.New(middleware.Options{})
			t.Cleanup(func() { shutdown(t, life) })
			ran := make(chan struct{}, 1)
			h := life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", fmt.Sprint(pipenet.Window+1000))
				w.Write(make([]byte, pipenet.Window-1000))
				http.NewResponseController(w).Flush()
				w.Write(make([]byte, 2000)) // stays in net/http's buffer until the handler is back
				eof.Defer(r.Context(), func(context.Context) { ran <- struct{}{} })
			}))
			s := pipenet.Start(t, pipenet.HTTP1, h, func(srv *http.Server) {
				if attach {
					life.Attach(srv)
				}
			})
			c := s.Dial()
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
			time.Sleep(time.Minute)
			if got := len(ran) > 0; got == attach {
				t.Errorf("attached %v: the task has run %v, want %v: bytes of the response are unwritten", attach, got, !attach)
			}
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if r := read(t, res, err); len(r.body) != pipenet.Window+1000 || r.err != nil {
				t.Errorf("attached %v: the client reads %d bytes, %v", attach, len(r.body), r.err)
			}
			<-ran
		}
	})
}

// However a response ends, its tasks run.
func TestB1_DeferHoweverItEnds(t *testing.T) {
	for name, end := range map[string]func(w http.ResponseWriter, r *http.Request){
		"return":          func(http.ResponseWriter, *http.Request) {},
		"panic":           func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"client left":     func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"connection gone": func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done(); io.WriteString(w, answer) },
	} {
		for _, attach := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", attached ", attach), func(t *testing.T) {
				pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
					life := middleware.New(middleware.Options{})
					t.Cleanup(func() { shutdown(t, life) })
					ran := make(chan error, 1)
					h := life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						eof.Defer(r.Context(), func(ctx context.Context) { ran <- ctx.Err() })
						end(w, r)
					}))
					s := pipenet.Start(t, p, h, func(srv *http.Server) {
						if attach {
							life.Attach(srv)
						}
					})
					call := s.Begin(s.NewRequest("POST", "/", nil))
					synctest.Wait()
					call.Cancel()
					wantErr(t, "ctx.Err() in the task", <-ran, nil)
				})
			})
		}
	}
}

func TestB2_TasksWaitTheirTurn(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		const n = 7
		var order book
		b := background(t, eof.Options{Running: 2})
		start := time.Now()
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			for i := range n {
				eof.Defer(r.Context(), func(context.Context) {
					order.add(fmt.Sprint(i/2, "@", time.Since(start))) // of two at once the order is free
					time.Sleep(time.Second)
				})
			}
			if got, want := b.Stats(), (eof.Stats{Pending: n}); got != want {
				t.Errorf("Stats() in the request = %+v, want %+v", got, want)
			}
		})
		synctest.Wait()
		wantStats(t, b, eof.Stats{Running: 2, Pending: n - 2})
		shutdown(t, b)
		wantStats(t, b, eof.Stats{Done: n})
		if got, want := order.String(), "0@0s 0@0s 1@1s 1@1s 2@2s 2@2s 3@3s"; got != want {
			t.Errorf("pairs of tasks and their starts: %s, want %s", got, want)
		}
	})
}

// One at a time is first in, first out, over requests as well.
func TestB2_FirstInFirstOut(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		var order book
		b := background(t, eof.Options{Running: 1})
		s := serve(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			for i := range 3 {
				eof.Defer(r.Context(), func(context.Context) {
					time.Sleep(time.Second)
					order.add(fmt.Sprint(r.URL.Path, i))
				})
			}
		})
		for _, path := range []string{"/a", "/b", "/c"} {
			get(t, s, path)
			synctest.Wait()
		}
		shutdown(t, b)
		if got, want := order.String(), "/a0 /a1 /a2 /b0 /b1 /b2 /c0 /c1 /c2"; got != want {
			t.Errorf("order = %s, want %s", got, want)
		}
	})
}

func TestB3_TooManyPending(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{Running: 1, Pending: 3})
		nop := func(context.Context) { time.Sleep(time.Second) }
		var during, later []error
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			during = append(during, eof.Defer(ctx, nop), eof.After(ctx, time.Hour, nop), eof.Defer(ctx, nop),
				eof.Defer(ctx, nop), eof.After(ctx, time.Hour, nop))
		})
		synctest.Wait() // one runs, one waits for it, one for its time
		wantStats(t, b, eof.Stats{Running: 1, Pending: 2, Rejected: 2})
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			later = append(later, eof.Defer(r.Context(), nop), eof.Defer(r.Context(), nop))
		})
		for i, err := range append(during, later...) {
			var want error
			if i == 3 || i == 4 || i == 6 {
				want = eof.ErrTooManyPending
			}
			wantErr(t, fmt.Sprint("call ", i), err, want)
		}
		shutdown(t, b)
		wantStats(t, b, eof.Stats{Done: 4, Rejected: 3})
	})
}

func TestB3_Defaults(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		var refused error
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			for range 1024 {
				refused = errors.Join(refused, eof.Defer(r.Context(), func(context.Context) { time.Sleep(time.Second) }))
			}
			wantErr(t, "the first 1024 calls", refused, nil)
			refused = eof.Defer(r.Context(), func(context.Context) {})
		})
		wantErr(t, "call 1025", refused, eof.ErrTooManyPending)
		synctest.Wait()
		wantStats(t, b, eof.Stats{Running: 256, Pending: 1024 - 256, Rejected: 1})
		start := time.Now()
		shutdown(t, b)
		at(t, "Shutdown's return", start, 4*time.Second)
	})
}

func TestNew_NegativeOptions(t *testing.T) {
	for want, o := range map[string]eof.Options{
		"eof.New: negative option, got Running -1, Pending 0, Timeout 0s":  {Running: -1},
		"eof.New: negative option, got Running 0, Pending -2, Timeout 0s":  {Pending: -2},
		"eof.New: negative option, got Running 0, Pending 0, Timeout -3ns": {Timeout: -3},
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("New(%+v) panics with %v, want %v", o, got, want)
				}
			}()
			eof.New(o)
		}()
	}
}
