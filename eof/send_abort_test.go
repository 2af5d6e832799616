package eof_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// leaves are the ways in which a client that has its answer leaves.
var leaves = []struct {
	name  string
	leave func(*pipenet.Server)
}{
	{"close", func(s *pipenet.Server) { s.Conns()[0].Close() }},
	{"reset", func(s *pipenet.Server) { s.Conns()[0].Reset() }},
	{"server close", func(s *pipenet.Server) { s.Config.Close() }},
}

func TestE9_ClientLeavesAfterSend(t *testing.T) {
	for _, c := range leaves {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				called := make(chan error, 1)
				done := make(chan error, 2)
				wrap := func(next http.Handler) http.Handler {
					return abort.Check(background(t, eof.Options{}).Detach(next))
				}
				s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) {
					ctx := r.Context()
					abort.On(ctx, func(ctx context.Context) { called <- ctx.Err() })
					io.WriteString(w, answer)
					err := eof.Send(ctx)
					watched := ctx.Done() // from here on a cancellation would be seen
					time.Sleep(time.Second)
					if _, aborted := abort.Cause(ctx); aborted {
						err = errors.New("abort.Cause: aborted")
					}
					select {
					case <-watched:
						err = context.Cause(ctx)
					default:
					}
					done <- errors.Join(err, ctx.Err())
				})
				get(t, s, "/").want(t, 200, answer)
				synctest.Wait()
				c.leave(s)
				wantErr(t, "Send, and ctx.Err() when the client is gone", <-done, nil)
				if len(called) > 0 {
					t.Error("the abort callback has run, want none after Send")
				}
			})
		})
	}
}

// The client left first: there is nothing to send, and Send says so.
func TestE9_ClientLeavesBeforeSend(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		done := make(chan error, 1)
		wrap := func(next http.Handler) http.Handler {
			return abort.Check(background(t, eof.Options{}).Detach(next))
		}
		s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			done <- eof.Send(r.Context())
		})
		call := s.Begin(s.NewRequest("GET", "/", nil))
		synctest.Wait()
		call.Cancel()
		wantErr(t, "Send", <-done, eof.ErrClientAborted)
	})
}

func TestE11_ExitAfterSend(t *testing.T) {
	for _, code := range []exitcode.Code{503, 444, -1, 200} {
		t.Run(code.String(), func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				var exit, cause, again error
				done := make(chan struct{})
				s := serve(t, p, background(t, eof.Options{}).Detach, func(w http.ResponseWriter, r *http.Request) {
					defer close(done)
					if r.URL.Path == "/next" {
						return
					}
					ctx := r.Context()
					io.WriteString(w, answer)
					eof.Send(ctx)
					time.Sleep(time.Second)
					exit = exitcode.Exit(ctx, code)
					<-ctx.Done()
					cause, again = context.Cause(ctx), eof.Send(ctx)
				})
				get(t, s, "/").want(t, 200, answer)
				<-done
				wantErr(t, "Exit after Send", exit, exitcode.ErrEnded)
				wantErr(t, "a second Send", again, eof.ErrEnded)
				if e, ok := errors.AsType[*exitcode.ExitError](cause); !ok || e.Code != code {
					t.Errorf("the cause of ctx = %v, want the exit with %v", cause, code)
				}
				done = make(chan struct{})
				synctest.Wait() // the client has the connection in its pool
				get(t, s, "/next").want(t, 200, "")
				if n := len(s.Conns()); n != 1 {
					t.Errorf("2 requests took %d connections, want 1", n)
				}
			})
		})
	}
}

// Send comes after an exit: the exit stands.
func TestE11_SendAfterExit(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		sent := make(chan error, 1)
		s := serve(t, p, background(t, eof.Options{}).Detach, func(w http.ResponseWriter, r *http.Request) {
			exitcode.Exit(r.Context(), 404)
			sent <- eof.Send(r.Context())
		})
		get(t, s, "/").want(t, 404, "404 Not Found\n")
		wantErr(t, "Send after Exit", <-sent, eof.ErrExited)
	})
}

// The work after Send calls another server with ctx, while its own client has
// left: by a client, and by a ReverseProxy.
func TestE15_CallsWithContext(t *testing.T) {
	calls := map[string]func(*http.Request, *pipenet.Server) (string, error){
		"http.Client": func(r *http.Request, backend *pipenet.Server) (string, error) {
			out, _ := http.NewRequestWithContext(r.Context(), "GET", backend.URL(), nil)
			res, err := backend.Do(out)
			if err != nil {
				return "", err
			}
			defer res.Body.Close()
			b, err := io.ReadAll(res.Body)
			return string(b), err
		},
		"ReverseProxy": func(r *http.Request, backend *pipenet.Server) (string, error) {
			target, _ := url.Parse(backend.URL())
			var failed error
			proxy := &httputil.ReverseProxy{
				Transport:    backend.Client.Transport,
				Rewrite:      func(p *httputil.ProxyRequest) { p.SetURL(target) },
				ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { failed = err },
			}
			w := httptest.NewRecorder()
			proxy.ServeHTTP(w, r)
			return w.Body.String(), failed
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				type result struct {
					body string
					err  error
				}
				got := make(chan result, 1)
				backend := serve(t, p, plain, func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(time.Second)
					io.WriteString(w, "from the backend")
				})
				wrap := func(next http.Handler) http.Handler {
					return abort.Check(background(t, eof.Options{}).Detach(next))
				}
				s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) {
					io.WriteString(w, answer)
					eof.Send(r.Context())
					body, err := call(r, backend)
					got <- result{body, err}
				})
				get(t, s, "/").want(t, 200, answer)
				s.Conns()[0].Reset()
				if r := <-got; r.body != "from the backend" || r.err != nil {
					t.Errorf("the call gives %q, %v; want the backend's answer", r.body, r.err)
				}
			})
		})
	}
}

// plain is no middleware.
func plain(h http.Handler) http.Handler { return h }
