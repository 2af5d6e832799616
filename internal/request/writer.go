package request

import (
	"io"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/gate"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

// Writer stands in front of a ResponseWriter. The request has one around the
// writer that the outermost middleware was given; it sees what reaches net/http
// and so decides and records. Detach has another, in front of the writer that
// it was given, with a Header map of its own; it sees what its handler does.
//
// All its methods may be called from any goroutine at any time; what net/http
// leaves to the caller, not to write from two goroutines at once, it leaves too.
type Writer struct {
	wrapped http.ResponseWriter
	req     *Request
	lay     *layer // nil: the request's own writer
	gate    gate.Gate

	status int16            // the request's own: recorded; a layer's: said by its handler, 0 before. Under Request.mu
	speaks nethttp.Protocol // the protocol of wrapped, as view found it; set before the handler runs
}

// det gives the Detached that w is of, nil for any other Writer.
func (w *Writer) det() *Detached {
	if w.lay == nil {
		return nil
	}
	return w.lay.det
}

// Header is the map of the writer below until the end, then one that nobody
// reads. Detach's is always its own: net/http reads its map again after the
// handler, for trailers, and a detached handler may still write to it.
func (w *Writer) Header() http.Header {
	if d := w.det(); d != nil {
		return d.header()
	}
	if !w.gate.Enter() {
		return make(http.Header)
	}
	defer w.leave()
	h := w.wrapped.Header()
	if w.lay == nil && !w.req.noted(headerTaken) {
		w.req.noteEntry(h)
	}
	return h
}

// begin opens the gate for a call that may send the status, 200 if none was
// said before. Without an error the caller has to leave the gate.
func (w *Writer) begin() error {
	if !w.gate.Enter() {
		return w.req.refusal()
	}
	passed := false
	defer func() {
		if !passed { // a HeaderFilter may panic
			w.leave()
		}
	}()
	var err error
	d := w.det()
	switch {
	case d != nil:
		err = d.writes()
	case w.lay != nil:
		err = w.lay.begin(http.StatusOK)
	case w.gate.IsSealed():
		err = w.req.refusal()
	default:
		err = w.req.commit(http.StatusOK)
	}
	passed = err == nil
	return err
}

func (w *Writer) WriteHeader(status int) {
	if !w.gate.Enter() {
		return
	}
	defer w.leave()
	r := w.req
	informational := r.isInformational(status)
	switch {
	case w.det() != nil:
		if w.det().writesStatus(status, informational) != nil {
			return
		}
	case w.lay != nil:
		if informational || status < 100 || status > 999 {
			if w.refused() != nil {
				return
			}
		} else if w.lay.begin(status) != nil {
			return
		}
	case informational && !r.hasAny(lifecycle.Committed|lifecycle.Hijacked):
		if w.gate.IsSealed() || r.winner() != lifecycle.Serving {
			return
		}
	case r.hasAny(lifecycle.Committed | lifecycle.Hijacked):
		if w.refused() != nil || w.superfluous() {
			return
		}
	case r.hasAny(lifecycle.Answered) && r.recordMove():
		if r.uncuttable() {
			r.dropInWords(status)
			return
		}
		if r.http1() {
			w.wrapped.Header().Set("Connection", "close") // see drop
		}
	case status < 100 || status > 999: // net/http panics; its words are as good as ours
	default:
		if r.commit(status) != nil {
			return
		}
	}
	w.wrapped.WriteHeader(status)
}

func (w *Writer) Write(p []byte) (int, error) {
	if err := w.begin(); err != nil {
		w.lost(len(p))
		return 0, err
	}
	defer w.leave()
	if w.refusesHijacked(len(p)) {
		return 0, http.ErrHijacked
	}
	w.headerGoesOut(len(p))
	n, err := w.wrapped.Write(p)
	return n, w.wrote(int64(n), err)
}

func (w *Writer) WriteString(s string) (int, error) {
	if err := w.begin(); err != nil {
		w.lost(len(s))
		return 0, err
	}
	defer w.leave()
	if w.refusesHijacked(len(s)) {
		return 0, http.ErrHijacked
	}
	w.headerGoesOut(len(s))
	n, err := io.WriteString(w.wrapped, s)
	return n, w.wrote(int64(n), err)
}

// headerGoesOut notes a write of n bytes that is more than an HTTP/2 server holds
// back: the header goes out ahead of it. To HEAD that is all of the response, and
// the server ends the stream, so that this write may fail already.
func (w *Writer) headerGoesOut(n int) {
	if r := w.req; w.lay == nil && w.speaks == nethttp.HTTP2 && !r.noted(flushed) && r.size.Load()+int64(n) > 2*nethttp.BufferSize {
		r.note(flushed)
	}
}

// leave leaves the gate after a call whose error may have said more about the
// end of the outer context.
func (w *Writer) leave() {
	w.gate.Leave(w.req)
	if w.lay == nil && w.req.noted(recheckAfterCall) {
		w.req.look()
	}
}

// wrote notes what a write came to.
func (w *Writer) wrote(n int64, err error) error {
	if d := w.det(); d != nil {
		d.written.Add(n)
		d.stopped(http.StatusOK) // a HeaderFilter may have exited
		return err
	}
	if w.lay != nil {
		return err
	}
	w.req.size.Add(n)
	if err != nil {
		return w.req.writeFailed(err)
	}
	return nil
}

func (w *Writer) Flush() { _ = w.FlushError() } // http.Flusher has no result

// FlushError commits only where there is a Flush below. After Hijack net/http's
// own would dereference nil.
func (w *Writer) FlushError() error {
	if !w.flushes() {
		if err := w.refused(); err != nil {
			return err // after an ending every write gives the same
		}
		return http.ErrNotSupported
	}
	if err := w.begin(); err != nil {
		return err
	}
	defer w.leave()
	if w.req.hasAny(lifecycle.Hijacked) {
		return http.ErrHijacked
	}
	if w.lay == nil && !w.req.noted(flushed) {
		w.req.note(flushed)
	}
	return w.wrote(0, http.NewResponseController(w.wrapped).Flush())
}
