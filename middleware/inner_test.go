package middleware_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// one is a listener for a connection that is there already.
type one struct {
	conn net.Conn
	done chan struct{}
}

func (l *one) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	<-l.done
	return nil, net.ErrClosed
}
func (l *one) Close() error   { return nil }
func (l *one) Addr() net.Addr { return &net.TCPAddr{} }

// TestHijacked_RequestInside: a request that is served on a hijacked connection,
// as golang.org/x/net/http2/h2c does it with the context of the request that it
// hijacked, is a request of its own.
func TestHijacked_RequestInside(t *testing.T) {
	for _, c := range []struct {
		name   string
		own    func(*middleware.Lifecycle, http.Handler) http.Handler // what is around the inner handler
		same   bool                                                   // the server of the outer request serves the inner ones as well
		status int
		exit   error
	}{
		{"Handler inside", (*middleware.Lifecycle).Handler, false, 404, nil},
		{"Handler inside, same server", (*middleware.Lifecycle).Handler, true, 404, nil},
		{"Detach inside", (*middleware.Lifecycle).Detach, true, 404, nil},
		{"Phase inside", func(_ *middleware.Lifecycle, h http.Handler) http.Handler {
			return exitcode.Phase(func(http.ResponseWriter, *http.Request) exitcode.Code { return exitcode.OK })(h)
		}, true, 404, nil},
		{"nothing inside", func(_ *middleware.Lifecycle, h http.Handler) http.Handler { return h }, true, 200, exitcode.ErrNoRequest},
	} {
		for _, m := range mounts {
			t.Run(c.name+"/"+m.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { requestInside(t, m, c.own, c.same, c.status, c.exit) })
			})
		}
	}
}

func requestInside(t *testing.T, m mount, own func(*middleware.Lifecycle, http.Handler) http.Handler, same bool, status int, exit error) {
	ended := make(chan middleware.Outcome, 8)
	life := newLife(t, middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { ended <- o }})
	inner := own(life, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := exitcode.Exit(r.Context(), 404); !errors.Is(err, exit) {
			t.Errorf("Exit inside = %v, want %v", err, exit)
		}
	}))
	outer := make(chan error, 1)
	s := pipenet.Start(t, pipenet.HTTP1, m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		l := &one{conn, make(chan struct{})}
		srv := &http.Server{Handler: inner, BaseContext: func(net.Listener) context.Context { return ctx }}
		if same {
			srv.ConnContext = func(in context.Context, _ net.Conn) context.Context {
				return context.WithValue(in, http.ServerContextKey, ctx.Value(http.ServerContextKey))
			}
		}
		srv.ConnState = func(_ net.Conn, s http.ConnState) {
			if s == http.StateClosed {
				close(l.done)
			}
		}
		srv.Serve(l)
		if _, ok := middleware.From(ctx); !ok {
			t.Error("the request that was hijacked is not found any more")
		}
		outer <- ctx.Err()
	})))
	c := s.Dial()
	io.WriteString(c, "GET /outer HTTP/1.1\r\nHost: a\r\n\r\n")
	synctest.Wait()
	buf := bufio.NewReader(c)
	for range 2 {
		io.WriteString(c, "GET /inner HTTP/1.1\r\nHost: a\r\n\r\n")
		res, err := http.ReadResponse(buf, nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		if res.StatusCode != status {
			t.Errorf("the inner response = %d, want %d", res.StatusCode, status)
		}
	}
	if len(outer) > 0 {
		t.Error("the outer handler has ended with an inner request")
	}
	c.Close()
	if err := <-outer; err != nil && status == 200 {
		t.Errorf("the outer request's context = %v, want it alive", err)
	}
	synctest.Wait()
	for len(ended) > 1 {
		<-ended
	}
	if o := <-ended; o.Exited || !o.Hijacked {
		t.Errorf("the outer Outcome = %+v, want a hijacked request without an exit", o)
	}
}
