package abort_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// served gives a connection to a server of h, with ConnContext.
func served(t *testing.T, h http.Handler) net.Conn {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ConnContext = abort.ConnContext
	testkit.CloseAtEnd(t, s)
	s.Start()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// wantTold waits for ch, which is closed when the client's end is known.
func wantTold(t *testing.T, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(10 * time.Second):
		t.Error("the client left 10s ago, and nobody was told")
	}
}

// A handler that http.TimeoutHandler gave up still works, and waits for the end of
// its context or asks for a callback; the next request of the connection is watched
// all the same.
func TestA4_BehindATimeoutHandler(t *testing.T) {
	for name, late := range map[string]func(ctx context.Context, next <-chan struct{}){
		"context": func(ctx context.Context, _ <-chan struct{}) { <-ctx.Done() },
		"On": func(ctx context.Context, next <-chan struct{}) {
			<-next
			abort.On(ctx, ignored)
		},
	} {
		t.Run(name, func(t *testing.T) {
			waiting, asked, free, told := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
			mux := http.NewServeMux()
			mux.Handle("/slow", http.TimeoutHandler(abort.Check(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				late(r.Context(), waiting)
				close(asked)
				<-free
			})), time.Millisecond, "too slow"))
			mux.Handle("/next", abort.Check(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				done := r.Context().Done()
				close(waiting)
				select {
				case <-done:
					close(told)
				case <-free:
				}
			})))
			c := served(t, mux)
			defer close(free)
			io.WriteString(c, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil || res.StatusCode != 503 {
				t.Fatalf("the first response = %v, %v, want 503", res, err)
			}
			io.WriteString(c, "POST /next HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nunread")
			<-waiting
			<-asked
			c.Close()
			wantTold(t, told)
		})
	}
}

// A callback is told what the socket says also where the context around lastbyte
// has ended already, or never will.
func TestA4_OuterContextEndedOrEndless(t *testing.T) {
	for _, c := range []struct {
		name  string
		outer func(ctx context.Context) context.Context
		asked bool // for Done, before
	}{
		{"deadline", func(ctx context.Context) context.Context {
			ctx, cancel := context.WithDeadline(ctx, time.Now())
			t.Cleanup(cancel)
			return ctx
		}, false},
		{"deadline, known", func(ctx context.Context) context.Context {
			ctx, cancel := context.WithDeadline(ctx, time.Now())
			t.Cleanup(cancel)
			return ctx
		}, true},
		{"WithoutCancel", context.WithoutCancel, false},
		{"WithoutCancel, known", context.WithoutCancel, true},
	} {
		for _, request := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nunread"} {
			t.Run(fmt.Sprintf("%s/%.4s", c.name, request), func(t *testing.T) {
				ready, told, free := make(chan error, 1), make(chan struct{}), make(chan struct{})
				defer close(free)
				inner := abort.Check(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					if c.asked {
						r.Context().Done()
					}
					_ = r.Context().Err() // it may find the end
					ready <- abort.On(r.Context(), func(context.Context) { close(told) })
					<-free
				}))
				conn := served(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					inner.ServeHTTP(w, r.WithContext(c.outer(r.Context())))
				}))
				io.WriteString(conn, request)
				if err := <-ready; err != nil {
					t.Fatalf("On() = %v, want nil", err)
				}
				conn.Close()
				wantTold(t, told)
			})
		}
	}
}

// opaque hides what a writer can do, as a compressor may.
type opaque struct{ w http.ResponseWriter }

func (o opaque) Header() http.Header         { return o.w.Header() }
func (o opaque) Write(p []byte) (int, error) { return o.w.Write(p) }
func (o opaque) WriteHeader(status int)      { o.w.WriteHeader(status) }

func behindOpaque(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(opaque{w}, r) })
}

const getRoot = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

// A Write that is stuck behind a half-close is cut, whatever writers lie between.
func TestA8_StuckBehindAnOpaqueWriter(t *testing.T) {
	for _, exit := range []bool{false, true} {
		t.Run(fmt.Sprintf("exit %t", exit), func(t *testing.T) {
			back := make(chan struct{})
			c := served(t, behindOpaque(abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if exit {
					abort.On(r.Context(), func(ctx context.Context) { exitcode.Exit(ctx, exitcode.Close) })
				}
				r.Context().Done()
				w.Write(make([]byte, 64<<20))
				close(back)
			}))))
			io.WriteString(c, getRoot)
			if _, err := io.ReadFull(c, make([]byte, 1000)); err != nil { // it is under way, and stuck soon
				t.Fatal(err)
			}
			c.(*net.TCPConn).CloseWrite()
			wantTold(t, back)
		})
	}
}

// The callback's exit closes the connection at once, while the handler works.
func TestC3_ExitBehindAnOpaqueWriter(t *testing.T) {
	registered, free := make(chan struct{}), make(chan struct{})
	c := served(t, behindOpaque(abort.Check(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		abort.On(r.Context(), func(ctx context.Context) { exitcode.Exit(ctx, exitcode.Close) })
		close(registered)
		<-free
	}))))
	defer close(free)
	io.WriteString(c, getRoot)
	<-registered
	c.(*net.TCPConn).CloseWrite()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the client's Read = %v while the handler works, want EOF", err)
	}
}

// A reset after a half-close that is ignored is found by who asks for the end of
// the context in between.
func TestA11_ResetBehindAnOpaqueWriter(t *testing.T) {
	asked, told, free := make(chan struct{}), make(chan struct{}), make(chan struct{})
	h := behindOpaque(abort.New(abort.Options{IgnoreHalfClose: true})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-outer(r.Context()).Done()
		done := r.Context().Done()
		close(asked)
		select {
		case <-done:
			close(told)
		case <-free:
		}
	})))
	c := served(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), outerKey{}, r.Context())))
	}))
	defer close(free)
	io.WriteString(c, getRoot)
	c.(*net.TCPConn).CloseWrite()
	<-asked
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
	wantTold(t, told)
}
