package eof_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// upstream is a server on a socket whose answers wait until they are let go.
type upstream struct {
	*httptest.Server
	asked, left, resume chan struct{}
}

const fromUpstream = "from upstream"

func newUpstream(t *testing.T) *upstream {
	u := &upstream{asked: make(chan struct{}, 1), left: make(chan struct{}, 1), resume: make(chan struct{})}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, fromUpstream[:4])
		http.NewResponseController(w).Flush() // some of it is on its way before the client leaves
		u.asked <- struct{}{}
		select {
		case <-u.resume:
			io.WriteString(w, fromUpstream[4:])
		case <-r.Context().Done():
			u.left <- struct{}{}
		}
	}))
	t.Cleanup(u.Close)
	return u
}

// callers are what a handler may call another server with.
var callers = map[string]func(r *http.Request, u *upstream) (string, error){
	"http.Client": func(r *http.Request, u *upstream) (string, error) {
		out, err := http.NewRequestWithContext(r.Context(), "GET", u.URL, nil)
		if err != nil {
			return "", err
		}
		res, err := u.Client().Do(out)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		return string(b), err
	},
	"ReverseProxy": func(r *http.Request, u *upstream) (body string, err error) {
		target, err := url.Parse(u.URL)
		if err != nil {
			return "", err
		}
		defer func() {
			if recover() != nil { // the answer broke off
				err = context.Cause(r.Context())
			}
		}()
		proxy := &httputil.ReverseProxy{
			Transport:    u.Client().Transport,
			Rewrite:      func(p *httputil.ProxyRequest) { p.SetURL(target) },
			ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, failed error) { err = failed },
			ErrorLog:     log.New(io.Discard, "", 0),
		}
		w := httptest.NewRecorder()
		proxy.ServeHTTP(w, r)
		return w.Body.String(), err
	},
}

// caller is a server whose handlers call upstream, before Send or after it, and
// a client that resets its connection.
type caller struct {
	url    string
	client *http.Client
	conn   chan *net.TCPConn
	closed chan struct{} // the server has closed its side, too
	got    chan reply    // what the handler got from upstream
	send   chan error
}

func newCaller(t *testing.T, h2 bool, call func(*http.Request) (string, error)) *caller {
	c := &caller{
		conn: make(chan *net.TCPConn, 1), closed: make(chan struct{}, 8), got: make(chan reply, 1), send: make(chan error, 1),
	}
	life := middleware.New(middleware.Options{})
	s := httptest.NewUnstartedServer(life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/before" {
			body, err := call(r)
			c.got <- reply{body: body, err: err}
			c.send <- eof.Send(r.Context())
			return
		}
		io.WriteString(w, answer)
		c.send <- eof.Send(r.Context())
		body, err := call(r)
		c.got <- reply{body: body, err: errors.Join(err, r.Context().Err())}
	})))
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!h2)
	protocols.SetUnencryptedHTTP2(h2)
	s.Config.Protocols = protocols
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			c.closed <- struct{}{}
		}
	}
	life.Attach(s.Config)
	s.Start()
	c.url = s.URL
	c.client = &http.Client{Transport: &http.Transport{
		Protocols: protocols,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err == nil {
				c.conn <- conn.(*net.TCPConn)
			}
			return conn, err
		},
	}}
	t.Cleanup(func() {
		s.Close()
		shutdown(t, life)
	})
	return c
}

// leave resets the client's connection, and returns when the server knows.
func (c *caller) leave(t *testing.T) {
	t.Helper()
	conn := receive(t, "the client's connection", c.conn)
	conn.SetLinger(0)
	conn.Close()
	c.client.CloseIdleConnections()
	receive(t, "the end of the server's side", c.closed)
}

// receive gives what comes out of ch, within a bound that nobody should reach.
func receive[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: nothing came, want it", what)
		panic("unreachable")
	}
}

func onUpstream(t *testing.T, body func(t *testing.T, c *caller, u *upstream)) {
	for name, call := range callers {
		for _, h2 := range []bool{false, true} {
			t.Run(name+map[bool]string{false: "/h1", true: "/h2"}[h2], func(t *testing.T) {
				u := newUpstream(t)
				body(t, newCaller(t, h2, func(r *http.Request) (string, error) { return call(r, u) }), u)
			})
		}
	}
}

// The client is gone, its connection closed, before upstream answers.
func TestE15_UpstreamAfterSend(t *testing.T) {
	onUpstream(t, func(t *testing.T, c *caller, u *upstream) {
		res, err := c.client.Get(c.url + "/after")
		read(t, res, err).want(t, 200, answer)
		wantErr(t, "Send", receive(t, "Send", c.send), nil)
		receive(t, "the call", u.asked)
		c.leave(t)
		close(u.resume)
		if r := receive(t, "the call's result", c.got); r.body != fromUpstream || r.err != nil {
			t.Errorf("the call gives %q, %v; want %q", r.body, r.err, fromUpstream)
		}
	})
}

// Before Send the same client takes the call with it.
func TestE15_UpstreamBeforeSend(t *testing.T) {
	t.Parallel()
	onUpstream(t, func(t *testing.T, c *caller, u *upstream) {
		failed := make(chan error, 1)
		go func() {
			res, err := c.client.Get(c.url + "/before")
			if err == nil {
				res.Body.Close()
			}
			failed <- err
		}()
		receive(t, "the call", u.asked)
		c.leave(t)
		receive(t, "the end of the call at upstream", u.left)
		if err := receive(t, "the client's error", failed); err == nil {
			t.Error("the client has an answer, want an error")
		}
		r := receive(t, "the call's result", c.got)
		if r.err == nil || strings.HasSuffix(r.body, fromUpstream[4:]) {
			t.Errorf("the call gives %q, %v; want an error", r.body, r.err)
		}
		wantErr(t, "Send", receive(t, "Send", c.send), eof.ErrClientAborted)
	})
}
