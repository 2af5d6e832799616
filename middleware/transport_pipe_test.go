package middleware_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// pipes is a listener of net.Pipe connections.
type pipes struct {
	ch   chan net.Conn
	done chan struct{}
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.ch:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *pipes) Close() error   { close(l.done); return nil }
func (l *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// Server.Close is no abort where no socket can be asked: the
// connection says that this side has closed it.
func TestN2_ServerCloseWithoutSocket(t *testing.T) {
	for _, m := range mounts {
		for _, kind := range []string{"pipenet", "net.Pipe"} {
			synctest.Test(t, func(t *testing.T) {
				ended, begun := make(chan middleware.Outcome, 1), make(chan struct{}, 1)
				life := newLife(t, middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { ended <- o }})
				h := m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					abort.On(r.Context(), func(context.Context) { t.Errorf("%s, %s: the abort callback runs", m.name, kind) })
					begun <- struct{}{}
					<-r.Context().Done()
				}))
				var srv *http.Server
				if kind == "pipenet" {
					s := pipenet.Start(t, pipenet.HTTP1, h, func(srv *http.Server) { life.Attach(srv) })
					io.WriteString(s.Dial(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
					srv = s.Config
				} else {
					client, server := net.Pipe()
					l := &pipes{make(chan net.Conn, 1), make(chan struct{})}
					l.ch <- server
					srv = &http.Server{Handler: h}
					life.Attach(srv)
					go srv.Serve(l)
					t.Cleanup(func() { client.Close() })
					io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
				}
				take(t, begun, "request")
				srv.Close()
				if o := take(t, ended, "end of the request"); o.Abort != nil || o.Status == 499 {
					t.Errorf("%s, %s: Outcome = %d, abort %v, want none", m.name, kind, o.Status, o.Abort)
				}
			})
		}
	}
}

// Number 63: that no socket is found is said once, with the type of connection.
func TestAttach_SaysThatThereIsNoSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		life := newLife(t, middleware.Options{})
		s := pipenet.Start(t, pipenet.HTTP1, life.Handler(http.NotFoundHandler()), func(srv *http.Server) { life.Attach(srv) })
		for range 2 {
			s.Dial()
		}
		synctest.Wait()
		if got := s.Logs(); strings.Count(got, "no socket found behind the listener's *pipenet.Conn") != 1 {
			t.Errorf("the server logs %q, want one line that names the type", got)
		}
	})
}
