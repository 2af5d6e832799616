package request_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// wire is the server's side of a request: a ResponseWriter and a request body
// that keep a record, and know what is not allowed: a call after ServeHTTP has
// returned, and two at once.
type wire struct {
	body context.Context // of the request; its end fails a stuck Write on HTTP/2
	hold func()          // called by SetReadDeadline; may block
	h2   bool

	mu     sync.Mutex
	change *sync.Cond // of mu
	header http.Header
	status int // of the first final WriteHeader
	bytes  int64
	inside int  // calls of the writer, deadlines apart
	over   bool // ServeHTTP has returned
	stuck  bool // a Write waits for a deadline, or for free
	free   bool // nothing waits any more
	wlimit bool // a deadline has passed
	rlimit bool
	taken  bool // hijacked
	wrong  []string
}

func newWire(ctx context.Context, h2 bool) *wire {
	w := &wire{body: ctx, h2: h2, header: make(http.Header)}
	w.change = sync.NewCond(&w.mu)
	context.AfterFunc(ctx, func() { w.set(func() {}) })
	return w
}

// call is around every call but those of deadlines.
func (w *wire) call(name string) (leave func()) {
	w.mu.Lock()
	if w.over {
		w.wrong = append(w.wrong, name+" after ServeHTTP returned")
	}
	if w.inside++; w.inside > 1 {
		w.wrong = append(w.wrong, name+" beside another call")
	}
	return func() { w.inside--; w.mu.Unlock() }
}

func (w *wire) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	w.change.Broadcast()
}

func (w *wire) isOver() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.over
}

func (w *wire) Header() http.Header {
	defer w.call("Header")()
	return w.header
}

func (w *wire) WriteHeader(status int) {
	defer w.call("WriteHeader")()
	w.begin(status)
}

func (w *wire) begin(status int) {
	if w.status == 0 && status >= 200 && !w.taken {
		w.status = status
	}
}

func (w *wire) Write(p []byte) (int, error) {
	defer w.call("Write")()
	if w.taken {
		return 0, http.ErrHijacked
	}
	w.begin(http.StatusOK)
	for w.stuck && !w.free && !w.wlimit && !(w.h2 && w.body.Err() != nil) {
		w.change.Wait()
	}
	if w.wlimit {
		return 0, os.ErrDeadlineExceeded
	}
	w.bytes += int64(len(p))
	return len(p), nil
}

func (w *wire) FlushError() error {
	defer w.call("Flush")()
	if w.taken {
		return http.ErrHijacked
	}
	w.begin(http.StatusOK)
	return nil
}

func (w *wire) deadline(name string, passed *bool, t time.Time) error {
	w.set(func() {
		if w.over {
			w.wrong = append(w.wrong, name+" after ServeHTTP returned")
		}
		*passed = !t.IsZero() && !time.Now().Before(t)
	})
	return nil
}

func (w *wire) SetReadDeadline(t time.Time) error {
	if w.hold != nil {
		w.hold()
	}
	return w.deadline("SetReadDeadline", &w.rlimit, t)
}

func (w *wire) SetWriteDeadline(t time.Time) error {
	return w.deadline("SetWriteDeadline", &w.wlimit, t)
}

func (w *wire) EnableFullDuplex() error              { return nil }
func (w *wire) Flush()                               { _ = w.FlushError() }
func (w *wire) CloseNotify() <-chan bool             { return make(chan bool) }
func (w *wire) WriteString(s string) (int, error)    { return w.Write([]byte(s)) }
func (w *wire) Push(string, *http.PushOptions) error { return http.ErrNotSupported }

// Read is the request body's: one byte at a time, for ever.
func (w *wire) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.over:
		w.wrong = append(w.wrong, "body read after ServeHTTP returned")
		return 0, http.ErrBodyReadAfterClose
	case w.rlimit:
		return 0, os.ErrDeadlineExceeded
	}
	p[0] = 'x'
	return 1, nil
}

func (w *wire) Close() error { return nil }

// wire1 is an HTTP/1 writer, which has a connection to give away.
type wire1 struct{ *wire }

func (w wire1) Push()                                 {} // hides the other: no http.Pusher
func (w wire1) ReadFrom(src io.Reader) (int64, error) { return io.Copy(writer{w.wire}, src) }
func (w wire1) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	defer w.call("Hijack")()
	if w.taken {
		return nil, nil, http.ErrHijacked
	}
	w.taken = true
	return deadConn{}, nil, nil
}

type writer struct{ io.Writer }

// deadConn is a hijacked connection that nobody uses.
type deadConn struct{ net.Conn }

func (deadConn) Close() error { return nil }

// found gives what was done wrong, as an error.
func (w *wire) found() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for _, s := range w.wrong {
		errs = append(errs, errors.New(s))
	}
	return errors.Join(errs...)
}
