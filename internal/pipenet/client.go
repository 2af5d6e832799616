package pipenet

import (
	"context"
	"io"
	"net/http"
)

// URL returns the server's address, without a slash at its end.
func (s *Server) URL() string { return "http://example.com" }

// Logs returns what the server's ErrorLog has got so far, nothing if Start's
// configure replaced it.
func (s *Server) Logs() string { return s.logs.String() }

// Dial opens a connection to speak HTTP/1 text on; the test's end closes it.
// It fails the test if the server is closed, so call it on the test's
// goroutine.
func (s *Server) Dial() *Conn {
	s.t.Helper()
	c, err := s.net.Dial(s.t.Context())
	if err != nil {
		s.t.Fatalf("Dial() = %v, want a connection", err)
	}
	return c
}

// Conns returns the client ends of all connections so far, those of Client
// and of Dial, in the order they were opened. Reset on the last of them is how
// a client of either protocol vanishes.
func (s *Server) Conns() []*Conn { return s.net.Dialed() }

// NewRequest makes a request for path that ends with the test. It fails the
// test if there is no such request, so call it on the test's goroutine.
func (s *Server) NewRequest(method, path string, body io.Reader) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.URL()+path, body)
	if err != nil {
		s.t.Fatalf("NewRequest(%q, %q) = %v, want a request", method, path, err)
	}
	return r
}

// Get sends a GET request for path and waits for the header of its response.
func (s *Server) Get(path string) (*http.Response, error) {
	return s.Client.Get(s.URL() + path)
}

// Do sends r and waits for the header of its response.
func (s *Server) Do(r *http.Request) (*http.Response, error) { return s.Client.Do(r) }

// Begin sends r on a goroutine of its own.
func (s *Server) Begin(r *http.Request) *Call {
	ctx, cancel := context.WithCancel(r.Context())
	c := &Call{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.res, c.err = s.Client.Do(r.WithContext(ctx))
	}()
	s.t.Cleanup(func() {
		cancel()
		if res, err := c.Wait(); err == nil {
			res.Body.Close()
		}
	})
	return c
}

// Call is a request under way. Its methods may be called from any goroutine of
// the bubble, any number of times.
type Call struct {
	cancel context.CancelFunc
	done   chan struct{}
	res    *http.Response // with err, written before done is closed, read after
	err    error
}

// Cancel makes the client leave: it closes the connection (HTTP/1) or resets
// the stream (HTTP/2), also while it reads the body of the response.
func (c *Call) Cancel() { c.cancel() }

// Wait waits for the header of the response. The body is read with the call
// still open, and closed by the end of the test at the latest.
func (c *Call) Wait() (*http.Response, error) {
	<-c.done
	return c.res, c.err
}
