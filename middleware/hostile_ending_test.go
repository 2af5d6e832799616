package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"

	"github.com/rs/zerolog"
)

type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(p) }
func (l *locked) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

type hst struct {
	name   string
	detach bool
	h      http.HandlerFunc
	lines  int      // in the log
	want   []string // in the log
	not    []string
}

func TestHostile_LogOfEndings(t *testing.T) {
	for _, c := range []hst{
		{"throw OK", false, func(w http.ResponseWriter, r *http.Request) { exitcode.Throw(r.Context(), exitcode.OK) }, 1, []string{`"status":200`}, []string{"panic"}},
		{"throw OK detached", true, func(w http.ResponseWriter, r *http.Request) { exitcode.Throw(r.Context(), exitcode.OK) }, 1, []string{`"status":200`}, []string{"panic"}},
		{"throw after send", true, func(w http.ResponseWriter, r *http.Request) {
			_ = eof.Send(r.Context())
			exitcode.Throw(r.Context(), 503)
		}, 2, []string{`"status":200`}, []string{"panic", "error"}},
		{"throw in thread", true, func(w http.ResponseWriter, r *http.Request) {
			th, _ := thread.Spawn(r.Context(), func(ctx context.Context) error { exitcode.Throw(ctx, exitcode.OK); return nil })
			if err := th.Wait(r.Context()); err != nil {
				w.Header().Set("Err", fmt.Sprint(err))
			}
		}, 1, []string{`"status":200`}, []string{"panic", "error"}},
		{"throw in a task", false, func(w http.ResponseWriter, r *http.Request) {
			_ = eof.Defer(r.Context(), func(ctx context.Context) { exitcode.Throw(ctx, 403) })
		}, 1, []string{`"status":200`}, []string{"panic", "error"}},
		{"panic in a task", false, func(w http.ResponseWriter, r *http.Request) {
			_ = eof.Defer(r.Context(), func(ctx context.Context) { panic("task") })
		}, 2, []string{`"status":200`, `"path":"/"`, "task", "hostile_ending_test.go"}, nil},
		{"wrapped abort handler after send", true, func(w http.ResponseWriter, r *http.Request) {
			_ = eof.Send(r.Context())
			panic(fmt.Errorf("mine: %w", http.ErrAbortHandler))
		}, 2, []string{`"status":200`}, []string{"panicked", "stack"}},
		{"goexit after send", true, func(w http.ResponseWriter, r *http.Request) {
			_ = eof.Send(r.Context())
			runtime.Goexit()
		}, 2, []string{`"status":200`}, []string{"stack"}},
		{"nil error pointer panics after send", true, func(w http.ResponseWriter, r *http.Request) {
			_ = eof.Send(r.Context())
			var e *abort.Error
			panic(e)
		}, 3, []string{`"level":"error"`}, nil},
		{"handler returns wrapped ErrExited", false, func(w http.ResponseWriter, r *http.Request) {
			exitcode.Handler(func(w http.ResponseWriter, r *http.Request) error {
				_ = exitcode.Exit(r.Context(), 403)
				_, err := io.WriteString(w, "x")
				return fmt.Errorf("write: %w", err)
			}).ServeHTTP(w, r)
		}, 1, []string{`"status":403`}, []string{`"level":"error"`}},
		{"handler returns joined coded error", true, func(w http.ResponseWriter, r *http.Request) {
			exitcode.Handler(func(w http.ResponseWriter, r *http.Request) error {
				return fmt.Errorf("load: %w", errors.Join(errors.New("disk \"full\""), exitcode.Code(503).Err()))
			}).ServeHTTP(w, r)
		}, 2, []string{`"status":503`, "disk"}, nil},
		{"handler returns ErrEnded after send", true, func(w http.ResponseWriter, r *http.Request) {
			exitcode.Handler(func(w http.ResponseWriter, r *http.Request) error {
				_ = eof.Send(r.Context())
				return eof.Send(r.Context())
			}).ServeHTTP(w, r)
		}, 2, []string{`"status":200`}, []string{`"level":"error"`}},
		{"trailer after send", true, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "x")
			_ = eof.Send(r.Context())
			w.Header().Set(http.TrailerPrefix+"Sum", "1")
		}, 3, []string{"Trailer:Sum", "dropped"}, nil},
		{"copy after send", true, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "x")
			_ = eof.Send(r.Context())
			_, _ = io.Copy(w, strings.NewReader("0123456789"))
		}, 3, []string{"dropped"}, nil},
		{"flush after send", true, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "x")
			_ = eof.Send(r.Context())
			w.(http.Flusher).Flush()
			w.WriteHeader(500)
		}, 2, nil, []string{"dropped"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				var logged locked
				life := middleware.New(middleware.Options{Logger: zerolog.New(&logged)})
				h := life.Handler(c.h)
				if c.detach {
					h = life.Handler(life.Detach(c.h))
				}
				s := pipenet.Start(t, p, h)
				res, err := s.Do(s.NewRequest("GET", "/", nil))
				if err == nil {
					_, err = io.ReadAll(res.Body)
					res.Body.Close()
				}
				if err != nil {
					t.Error(err)
				}
				synctest.Wait()
				if err := life.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
				got := testkit.LogBut(logged.String() + s.Logs())
				if n := strings.Count(got, "\n"); n != c.lines {
					t.Errorf("%d lines, want %d", n, c.lines)
				}
				for _, want := range c.want {
					if !strings.Contains(got, want) {
						t.Errorf("log lacks %q", want)
					}
				}
				for _, not := range c.not {
					if strings.Contains(got, not) {
						t.Errorf("log has %q", not)
					}
				}
				if t.Failed() {
					t.Log(got)
				}
			})
		})
	}
}

// HTTP/1.0 and TLS, behind writers that hide everything, attached and not.
func TestHostile_HiddenEndings(t *testing.T) {
	for _, tls := range []bool{false, true} {
		for _, attached := range []bool{false, true} {
			for _, detach := range []bool{false, true} {
				for what, h := range map[string]http.HandlerFunc{
					"444": func(w http.ResponseWriter, r *http.Request) { _ = exitcode.Exit(r.Context(), 444) },
					"flush 444": func(w http.ResponseWriter, r *http.Request) {
						io.WriteString(w, strings.Repeat("x", 9000))
						exitcode.Throw(r.Context(), 444)
					},
				} {
					t.Run(fmt.Sprint(what, " tls ", tls, " attached ", attached, " detach ", detach), func(t *testing.T) {
						life := middleware.New(middleware.Options{})
						in := life.Handler(h)
						if detach {
							in = life.Handler(life.Detach(h))
						}
						panics := make(chan any, 1)
						s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							defer func() {
								v := recover()
								panics <- v
								if v != nil {
									panic(v)
								}
							}()
							in.ServeHTTP(hidesOnce{w}, r)
						}))
						var logs locked
						s.Config.ErrorLog = log.New(&logs, "", 0)
						if attached {
							life.Attach(s.Config)
						}
						if tls {
							s.StartTLS()
						} else {
							s.Start()
						}
						defer s.Close()
						c := s.Client()
						c.Timeout = 10 * time.Second
						res, err := c.Get(s.URL)
						if err == nil {
							_, err = io.ReadAll(res.Body)
							res.Body.Close()
						}
						if err == nil {
							t.Error("the response looks whole")
						}
						if v := <-panics; attached && v != nil {
							t.Errorf("panic %v, though the connection was cut", v)
						}
					})
				}
			}
		}
	}
}
