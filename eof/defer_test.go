package eof_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
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
				w.Write(make([]byte, 2000)) // stays in net/http's buffer until the handler has returned
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

// With Send the response ends, and the task begins, while the handler keeps running;
// after Send there is nothing to wait for.
func TestB1_DeferWithSend(t *testing.T) {
	for _, attach := range []bool{true, false} {
		t.Run(fmt.Sprint("attached ", attach), func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				life := middleware.New(middleware.Options{})
				t.Cleanup(func() { shutdown(t, life) })
				ran := make(chan time.Duration, 2)
				h := life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					start := time.Now()
					task := func(context.Context) { ran <- time.Since(start) }
					io.WriteString(w, answer)
					eof.Defer(r.Context(), task)
					time.Sleep(time.Second)
					eof.Send(r.Context())
					time.Sleep(time.Second)
					eof.Defer(r.Context(), task)
					time.Sleep(time.Second)
				}))
				s := pipenet.Start(t, p, h, func(srv *http.Server) {
					if attach {
						life.Attach(srv)
					}
				})
				get(t, s, "/").want(t, 200, answer)
				for _, want := range []time.Duration{time.Second, 2 * time.Second} {
					if got := <-ran; got != want {
						t.Errorf("a task has run at +%v, want +%v", got, want)
					}
				}
			})
		})
	}
}

// However a response ends, its tasks run.
func TestB1_DeferHoweverItEnds(t *testing.T) {
	for name, end := range map[string]func(w http.ResponseWriter, r *http.Request){
		"return":        func(http.ResponseWriter, *http.Request) {},
		"panic":         func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"client left":   func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"exit with 500": func(_ http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), 500) },
		"exit with 444": func(_ http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), 444) },
		"hijack": func(w http.ResponseWriter, _ *http.Request) {
			if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
				c.Close()
			}
		},
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

// The middleware is outside the router here, and tasks read the route when the
// router has it recycled.
func TestDefer_RouteAfterTheRouterReturned(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		const n = 20
		got := make(chan string, n)
		b := background(t, eof.Options{})
		r := chi.NewRouter()
		r.Get("/task/{id}", func(w http.ResponseWriter, r *http.Request) {
			want := chi.URLParam(r, "id")
			eof.After(r.Context(), time.Second, func(ctx context.Context) {
				if id := chi.URLParamFromCtx(ctx, "id"); id != want {
					got <- fmt.Sprintf("%q, want %q", id, want)
				} else {
					got <- ""
				}
			})
		})
		s := pipenet.Start(t, p, b.Handler(r))
		for i := range n {
			get(t, s, fmt.Sprint("/task/", i)).want(t, 200, "")
		}
		for range n {
			if bad := <-got; bad != "" {
				t.Errorf("the route parameter in a task = %s", bad)
			}
		}
	})
}
