package request

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Writer stands in front of a ResponseWriter. The request has one around the
// writer that the outermost middleware was given; it sees what reaches net/http
// and so decides and records. Detach has another, in front of the writer that
// it was given, with a Header map of its own; it sees what its handler does.
//
// All its methods may be called from any goroutine at any time; what net/http
// leaves to the caller, not to write from two goroutines at once, it leaves too.
type Writer struct {
	inner http.ResponseWriter
	req   *Request
	det   *Detached // nil: the request's own writer
	gate  gate
}

// Header is the map of the writer below until the end, then one that nobody
// reads. Detach's is always its own: net/http reads its map again after the
// handler, for trailers, and a detached handler may still write to it.
func (w *Writer) Header() http.Header {
	if w.det != nil {
		return w.det.header()
	}
	if !w.gate.enter() {
		return make(http.Header)
	}
	defer w.gate.leave()
	return w.inner.Header()
}

// begin opens the gate for a call that may send the status, 200 if none was
// said before. Without an error the caller has to leave the gate.
func (w *Writer) begin() error {
	if !w.gate.enter() {
		return w.req.refusal()
	}
	passed := false
	defer func() {
		if !passed { // a HeaderFilter may panic
			w.gate.leave()
		}
	}()
	var err error
	if w.det != nil {
		err = w.det.writes()
	} else {
		err = w.req.commit(http.StatusOK)
	}
	passed = err == nil
	return err
}

func (w *Writer) WriteHeader(status int) {
	if !w.gate.enter() {
		return
	}
	defer w.gate.leave()
	r := w.req
	informational := status >= 100 && status <= 199 && status != http.StatusSwitchingProtocols
	switch {
	case w.det != nil:
		if w.det.writesStatus(status, informational) != nil {
			return
		}
	case informational:
		if s := r.state.Load(); s&(committed|hijacked) == 0 && s&winnerMask != serving {
			return
		}
	case r.is(committed | hijacked):
		if r.winner() == exited || r.winner() == aborted || w.superfluous() {
			return
		}
	case status < 100 || status > 999: // net/http panics; its words are as good as ours
	default:
		if r.commit(status) != nil {
			return
		}
	}
	w.inner.WriteHeader(status)
}

func (w *Writer) Write(p []byte) (int, error) {
	if err := w.begin(); err != nil {
		return 0, err
	}
	defer w.gate.leave()
	n, err := w.inner.Write(p)
	return n, w.wrote(int64(n), err)
}

func (w *Writer) WriteString(s string) (int, error) {
	if err := w.begin(); err != nil {
		return 0, err
	}
	defer w.gate.leave()
	n, err := io.WriteString(w.inner, s)
	return n, w.wrote(int64(n), err)
}

// sniffLen is how much net/http reads of a source before it sends the header:
// a source that fails at once leaves the handler free to choose a status.
const sniffLen = 512

// ReadFrom keeps sendfile. It hands src down as it is where the kernel can do
// the copy; elsewhere it looks at the state before each read.
func (w *Writer) ReadFrom(src io.Reader) (n int64, err error) {
	if !w.begun() {
		n, err = io.Copy(writerOnly{w}, io.LimitReader(src, sniffLen))
		if err != nil || n < sniffLen {
			return n, err
		}
	}
	if err := w.begin(); err != nil {
		return n, err
	}
	defer w.gate.leave()
	if !kernelCopies(src) {
		src = &watchedReader{src, w}
	}
	m, err := w.inner.(io.ReaderFrom).ReadFrom(src)
	return n + m, w.wrote(m, err)
}

// begun reports whether the status was said.
func (w *Writer) begun() bool {
	if w.det != nil {
		return w.det.begun.Load()
	}
	return w.req.is(committed)
}

// refused gives the error of a write at this moment, nil if it may pass.
func (w *Writer) refused() error {
	if w.det != nil {
		return w.det.refused()
	}
	if s := w.req.state.Load() & winnerMask; s == exited || s == aborted {
		return w.req.refusal()
	}
	return nil
}

type writerOnly struct{ io.Writer }

type watchedReader struct {
	io.Reader
	w *Writer
}

func (r *watchedReader) Read(p []byte) (int, error) {
	if err := r.w.refused(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// kernelCopies reports whether src is a file or connection, which package net
// hands to sendfile or splice. os.File wraps itself in a type of its own.
func kernelCopies(src io.Reader) bool {
	if l, ok := src.(*io.LimitedReader); ok {
		src = l.R
	}
	_, ok := src.(syscall.Conn)
	return ok
}

// wrote notes what a write came to.
func (w *Writer) wrote(n int64, err error) error {
	if d := w.det; d != nil {
		d.written.Add(n)
		d.stopped() // a HeaderFilter may have exited
		return err
	}
	w.req.size.Add(n)
	if err != nil {
		return w.req.writeFailed(err)
	}
	return nil
}

func (w *Writer) Flush() { _ = w.FlushError() } // http.Flusher has no result

func (w *Writer) FlushError() error {
	if err := w.begin(); err != nil {
		return err
	}
	defer w.gate.leave()
	if w.det == nil && !w.req.is(flushed) {
		w.req.mark(flushed)
	}
	return w.wrote(0, http.NewResponseController(w.inner).Flush())
}

func (w *Writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !w.gate.enter() {
		return nil, nil, w.req.refusal()
	}
	defer w.gate.leave()
	if err := w.refused(); err != nil && w.req.winner() != aborted { // a dead connection harms nobody
		return nil, nil, err
	}
	c, rw, err := http.NewResponseController(w.inner).Hijack()
	if err == nil && w.det == nil {
		w.req.hijackMove(c)
	}
	return c, rw, err
}

func (w *Writer) Push(target string, o *http.PushOptions) error {
	if !w.gate.enter() {
		return w.req.refusal()
	}
	defer w.gate.leave()
	if p, ok := w.inner.(http.Pusher); ok {
		return p.Push(target, o)
	}
	return http.ErrNotSupported
}

func (w *Writer) CloseNotify() <-chan bool {
	if !w.gate.enter() {
		return make(chan bool, 1)
	}
	defer w.gate.leave()
	return w.inner.(closeNotifier).CloseNotify()
}

func (w *Writer) SetReadDeadline(t time.Time) error {
	if w.det == nil && w.req.http1() {
		w.req.deadlineSet(t)
	}
	return w.control(func(c *http.ResponseController) error { return c.SetReadDeadline(t) })
}

func (w *Writer) SetWriteDeadline(t time.Time) error {
	if w.det == nil && !w.req.http1() {
		w.req.deadlineSet(t)
	}
	return w.control(func(c *http.ResponseController) error { return c.SetWriteDeadline(t) })
}

func (w *Writer) EnableFullDuplex() error {
	return w.control((*http.ResponseController).EnableFullDuplex)
}

func (w *Writer) control(f func(*http.ResponseController) error) error {
	if !w.gate.enter() {
		return w.req.refusal()
	}
	defer w.gate.leave()
	return f(http.NewResponseController(w.inner))
}
