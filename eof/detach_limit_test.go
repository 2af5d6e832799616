package eof_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// outlive are the ways in which a handler keeps running without a client.
var outlive = []struct {
	name string
	end  func(ctx context.Context)
}{
	{"Send", func(ctx context.Context) { eof.Send(ctx) }},
	{"exit that drops", func(ctx context.Context) { exitcode.Exit(ctx, exitcode.Close) }},
	{"exit of a thread", func(ctx context.Context) {
		th, _ := thread.Spawn(ctx, func(ctx context.Context) error { return exitcode.Exit(ctx, 404) })
		th.Wait(context.Background())
	}},
}

// TestB11_LimitOfDetached: at Options.Detached handlers at work without a client
// Detach answers 503 before the handler runs; when one of them has ended it runs
// the next.
func TestB11_LimitOfDetached(t *testing.T) {
	for _, o := range outlive {
		t.Run(o.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				ran, release := 0, make(chan struct{})
				b := background(t, eof.Options{Detached: 3})
				s := serve(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
					ran++
					o.end(r.Context())
					<-release
				})
				for range 3 {
					s.Begin(s.NewRequest("POST", "/", nil))
					synctest.Wait()
				}
				for _, method := range []string{"GET", "POST", "HEAD"} {
					re := do(t, s, s.NewRequest(method, "/", nil))
					body := map[bool]string{true: "503 Service Unavailable\n"}[method != "HEAD"]
					re.want(t, 503, body)
					if got := re.header.Get("Retry-After"); got != "1" {
						t.Errorf("Retry-After = %q, want 1", got)
					}
				}
				if ran != 3 {
					t.Errorf("%d handlers have run, want 3", ran)
				}
				wantStats(t, b, eof.Stats{Detached: 3, Refused: 3})
				release <- struct{}{}
				synctest.Wait()
				s.Begin(s.NewRequest("POST", "/", nil))
				synctest.Wait()
				if ran != 4 {
					t.Errorf("%d handlers have run when one has ended, want 4", ran)
				}
				close(release)
				synctest.Wait()
				wantStats(t, b, eof.Stats{Done: 4, Refused: 3})
			})
		})
	}
}

// The response of an exit that came before a refusal asks nobody to come again.
func TestB11_RefusedAfterAnExit(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		release := make(chan struct{})
		b := background(t, eof.Options{Detached: 1})
		s := serve(t, p, func(next http.Handler) http.Handler {
			detached := b.Detach(next)
			return b.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/exit" {
					exitcode.Exit(r.Context(), 418)
				}
				detached.ServeHTTP(w, r)
			}))
		}, func(w http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context())
			<-release
		})
		s.Begin(s.NewRequest("POST", "/", nil))
		synctest.Wait()
		re := do(t, s, s.NewRequest("GET", "/exit", nil))
		re.want(t, 418, "418 I'm a teapot\n")
		if got := re.header.Get("Retry-After"); got != "" {
			t.Errorf("Retry-After = %q, want none", got)
		}
		close(release)
	})
}

// TestB11_RunningHandlersMayExceed: handlers that run already may end their
// responses, whatever the limit.
func TestB11_RunningHandlersMayExceed(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		send, release := make(chan struct{}), make(chan struct{})
		b := background(t, eof.Options{Detached: 1})
		s := serve(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
			<-send
			wantErr(t, "Send", eof.Send(r.Context()), nil)
			<-release
		})
		for range 5 {
			s.Begin(s.NewRequest("GET", "/", nil))
		}
		synctest.Wait()
		close(send)
		synctest.Wait()
		wantStats(t, b, eof.Stats{Detached: 5})
		get(t, s, "/").want(t, 503, "503 Service Unavailable\n")
		close(release)
	})
}

// TestB11_RefusedWithPage: the refusal is an exit with 503. It has the page of
// the settings around, outer handlers see its status, and it does not wait for
// the body of the request.
func TestB11_RefusedWithPage(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		release := make(chan struct{})
		b := background(t, eof.Options{Detached: 1})
		page := exitcode.New(exitcode.Options{ErrorPage: func(w http.ResponseWriter, r *http.Request, code exitcode.Code) {
			io.WriteString(w, "come back, "+w.Header().Get("Retry-After"))
		}})
		var code exitcode.Code
		wrap := func(next http.Handler) http.Handler {
			in := b.Detach(next)
			return page(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				in.ServeHTTP(w, r)
				code, _ = exitcode.From(r.Context())
			}))
		}
		s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context())
			<-release
		})
		get(t, s, "/").want(t, 200, "")
		start := time.Now()
		body, rest := io.Pipe() // nothing comes
		res, err := s.Do(s.NewRequest("POST", "/", body))
		at(t, "the refusal", start, 0)
		rest.Close() // the client's transport waits for its own reader
		read(t, res, err).want(t, 503, "come back, 1")
		if code != 503 {
			t.Errorf("exitcode.From outside Detach = %v, want 503", code)
		}
		close(release)
	})
}

// TestB11_NestedDetachIsNotRefused: a Detach inside another is Handler, and a
// detached handler has its place already, whether its response has ended by then
// or not.
func TestB11_NestedDetachIsNotRefused(t *testing.T) {
	for name, wait := range map[string]time.Duration{"at once": 0, "after the response": time.Second} {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				b := background(t, eof.Options{Detached: 1})
				ran := make(chan bool, 1)
				inner := b.Detach(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran <- true }))
				s := serve(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
					eof.Send(r.Context())
					time.Sleep(wait)
					inner.ServeHTTP(w, r)
				})
				get(t, s, "/").want(t, 200, "")
				<-ran
				synctest.Wait()
				wantStats(t, b, eof.Stats{Done: 1})
			})
		})
	}
}
