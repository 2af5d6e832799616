package request

import (
	"io"
	"net"
	"net/http"
	"time"

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
	defer w.leave()
	if w.front.beforeStatus(status) {
		w.wrapped.WriteHeader(status)
	}
}

func (w *Writer) Write(p []byte) (int, error) {
	if !w.gate.Enter() {
		return 0, w.late(len(p))
	}
	defer w.leave() // deferred: a HeaderFilter may panic in beforeWrite, and any writer below
	if err := w.front.beforeWrite(len(p)); err != nil {
		w.front.lost(len(p))
		return 0, err
	}
	n, err := w.wrapped.Write(p)
	return n, w.front.afterWrite(int64(n), err)
}

func (w *Writer) WriteString(s string) (int, error) {
	if !w.gate.Enter() {
		return 0, w.late(len(s))
	}
	defer w.leave()
	if err := w.front.beforeWrite(len(s)); err != nil {
		w.front.lost(len(s))
		return 0, err
	}
	n, err := io.WriteString(w.wrapped, s)
	return n, w.front.afterWrite(int64(n), err)
}

// late gives the error of a write of n bytes that found the gate closed.
func (w *Writer) late(n int) error {
	w.front.lost(n)
	return w.front.request().refusal()
}

// leave is front.leave. A defer of it takes less of the stack, of which each lastbyte
// middleware has a Write.
func (w *Writer) leave() { w.front.leave() }

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
	if !w.gate.Enter() {
		return w.late(0)
	}
	defer w.leave()
	if err := w.front.beforeWrite(flushing); err != nil {
		return err
	}
	if w.front.request().hasAny(lifecycle.Hijacked) {
		return http.ErrHijacked
	}
	return w.front.afterWrite(0, http.NewResponseController(w.wrapped).Flush())
}

// front decides about the calls of a Writer. There are three: the Request for its
// own Writer, in front of what the outermost middleware was given; a layer; and
// Detached, which is a layer whose handler has a Header map of its own. All that
// the three do differently when a handler calls its ResponseWriter is here.
//
// The dynamic calls, four in a Write and two in a WriteHeader, cost no more than the
// branches that they replace: the processor time of BenchmarkShallow is the same
// within one or two per cent, and they allocate nothing.
//
// Unless it says otherwise, a method is called inside the Writer's gate.
type front interface {
	// request is the request that the Writer answers. The gate need not be open.
	request() *Request

	// headerMap is Header. It is called outside the gate, and enters it itself.
	headerMap() http.Header

	// beforeStatus is called by WriteHeader. It reports whether the call passes.
	beforeStatus(status int) bool

	// beforeWrite is called before n bytes of the body, or a flush if n is flushing,
	// and says the status 200 if none was said before. An error is that of the call,
	// which does not pass.
	beforeWrite(n int) error

	// afterWrite is told what became of such a call that has passed, and gives the
	// error for the handler.
	afterWrite(n int64, err error) error

	// refused gives the error of a write at this moment, nil if it may pass. The gate
	// need not be open.
	refused() error

	// lost is told of n bytes that were not written, since the gate was closed or
	// beforeWrite has refused them. The gate need not be open.
	lost(n int)

	// hijackedMove is told of a connection that was hijacked.
	hijackedMove(c net.Conn)

	// noteDeadline is told of a deadline that a handler sets: of is where to note it.
	// It is called outside the gate.
	noteDeadline(t time.Time, of func(*extra) *time.Time)

	// begun reports whether a final status was said, by the handler or by a write. The
	// gate need not be open.
	begun() bool

	// leave ends a call, and leaves the gate.
	leave()
}

var (
	_ front = (*Request)(nil)
	_ front = (*layer)(nil)
	_ front = (*Detached)(nil)
)

// flushing stands for a flush where a number of bytes is expected.
const flushing = -1

// layer gives the layer that w is of, nil for the request's own Writer.
func (w *Writer) layer() *layer {
	switch f := w.front.(type) {
	case *layer:
		return f
	case *Detached:
		return &f.layer
	}
	return nil
}

// det gives the Detached that w is of, nil for any other Writer.
func (w *Writer) det() *Detached {
	d, _ := w.front.(*Detached)
	return d
}
