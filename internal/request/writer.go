package request

import (
	"io"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/gate"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

// Writer is the ResponseWriter of the handlers inside a lastbyte middleware. It wraps
// the one that the middleware was given, and keeps the gate in front of it; its front
// decides what becomes of each call.
//
// All its methods may be called from any goroutine at any time. As in net/http, it is
// up to the caller not to write from two goroutines at once.
type Writer struct {
	wrapped http.ResponseWriter
	front   front
	gate    gate.Gate

	status int16            // the request's own: recorded; a layer's: said by its handler, 0 before. Under Request.mu
	speaks nethttp.Protocol // the protocol of wrapped, as view found it; set before the handler runs
}

// Header is the map of the wrapped writer until the end of the request, and after it
// a map that nobody reads. That of a detached handler is always its own.
func (w *Writer) Header() http.Header { return w.front.headerMap() }

func (w *Writer) WriteHeader(status int) {
	if !w.gate.Enter() {
		return
	}
	defer w.front.leave()
	if w.front.beforeStatus(status) {
		w.wrapped.WriteHeader(status)
	}
}

func (w *Writer) Write(p []byte) (int, error) {
	if err := w.begin(len(p)); err != nil {
		w.front.lost(len(p))
		return 0, err
	}
	defer w.front.leave()
	n, err := w.wrapped.Write(p)
	return n, w.front.afterWrite(int64(n), err)
}

func (w *Writer) WriteString(s string) (int, error) {
	if err := w.begin(len(s)); err != nil {
		w.front.lost(len(s))
		return 0, err
	}
	defer w.front.leave()
	n, err := io.WriteString(w.wrapped, s)
	return n, w.front.afterWrite(int64(n), err)
}

// begin opens the gate for a write of n bytes, or for a flush if n is flushing; it
// sends the status 200 if none was said before. Without an error the caller has to
// leave the gate.
func (w *Writer) begin(n int) error {
	if !w.gate.Enter() {
		return w.front.request().refusal()
	}
	passed := false
	defer func() {
		if !passed { // a HeaderFilter may panic
			w.front.leave()
		}
	}()
	err := w.front.beforeWrite(n)
	passed = err == nil
	return err
}

func (w *Writer) Flush() { _ = w.FlushError() } // http.Flusher has no result

// FlushError commits only where there is a Flush below. After Hijack net/http's
// own would dereference nil.
func (w *Writer) FlushError() error {
	if !w.flushes() {
		if err := w.front.refused(); err != nil {
			return err // after an ending every write gives the same
		}
		return http.ErrNotSupported
	}
	if err := w.begin(flushing); err != nil {
		return err
	}
	defer w.front.leave()
	if w.front.request().hasAny(lifecycle.Hijacked) {
		return http.ErrHijacked
	}
	return w.front.afterWrite(0, http.NewResponseController(w.wrapped).Flush())
}
