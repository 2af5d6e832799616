package request

import (
	"net"
	"net/http"
	"time"
)

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

	// headerMap is Header. It sees to the gate itself.
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
	// beforeWrite has refused them. It is called outside the gate.
	lost(n int)

	// hijackedMove is told of a connection that was hijacked.
	hijackedMove(c net.Conn)

	// noteDeadline is told of a deadline that a handler sets: of is where to note it.
	// It is called outside the gate.
	noteDeadline(t time.Time, of func(*rare) *time.Time)

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
