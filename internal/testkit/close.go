package testkit

import (
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// CloseAtEnd has s, which has not started yet, closed when the test ends. It
// waits for the handlers that run by then, turns away requests that come later,
// and closes all connections.
//
// Close of an [httptest.Server] waits for the connections, too. Where net/http
// closes a connection of HTTP/1 on which more of a request may arrive, it sleeps
// half a second first (rstAvoidanceDelay in server.go, Go 1.26), and lastbyte has
// it close one whenever the client has left: a package with hundreds of such
// tests would do nothing else.
func CloseAtEnd(tb testing.TB, s *httptest.Server) {
	d := &door{next: s.Config.Handler}
	s.Config.Handler = d
	tb.Cleanup(func() {
		d.close()
		s.Config.Close()
		if c := s.Client(); c != nil {
			c.CloseIdleConnections()
		}
	})
}

// door counts the requests inside of next.
type door struct {
	next   http.Handler
	inside sync.WaitGroup

	mu     sync.Mutex
	closed bool // no Add of inside from here on
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !d.enter() {
		panic(http.ErrAbortHandler)
	}
	defer d.inside.Done()
	d.next.ServeHTTP(w, r)
}

func (d *door) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.inside.Add(1)
	}
	return !d.closed
}

func (d *door) close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.inside.Wait()
}

// Log is a logger for a server: it writes to the output of the test. What comes
// after the end of the test, which must not write any more, is dropped. It has to
// be called before [CloseAtEnd], whose clean-up runs first then.
func Log(tb testing.TB) *log.Logger {
	o := &output{tb: tb}
	tb.Cleanup(o.close)
	return log.New(o, "", 0)
}

type output struct {
	mu sync.Mutex
	tb testing.TB // nil: the test has ended
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tb == nil {
		return len(p), nil
	}
	return o.tb.Output().Write(p)
}

func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tb = nil
}
