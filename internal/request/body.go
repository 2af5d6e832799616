package request

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
)

// body stands in front of the request body of the copy that a handler gets.
// net/http knows its own request's body by its type, so that one stays as it is.
type body struct {
	rc       io.ReadCloser
	req      *Request
	gate     gate
	from, to *http.Request // the request handed to lastbyte, and its copy
}

func (b *body) Read(p []byte) (int, error) {
	if !b.gate.enter() {
		return 0, errBodyEnded
	}
	n, err := b.read(p)
	if b.req.is(puzzled) {
		b.req.look() // outside the gate, where it is seen that the read is over
	}
	return n, err
}

func (b *body) read(p []byte) (int, error) {
	defer b.gate.leave()
	n, err := b.rc.Read(p)
	switch err {
	case nil:
	case io.EOF:
		b.req.mark(bodyRead)
		b.to.Trailer = b.from.Trailer // net/http sets those of its own request
	default:
		err = b.req.readFailed(err)
	}
	return n, err
}

func (b *body) Close() error {
	if !b.gate.enter() {
		return nil
	}
	defer b.gate.leave()
	return b.rc.Close()
}

// kickBody makes a read that is stuck return, so that its gate can close.
func (r *Request) kickBody() {
	_ = http.NewResponseController(r.w.inner).SetReadDeadline(past) // unsupported: the read has to end by itself
}

// readFailed judges the error of a body read. A client that left in the middle
// of its request is an abort; the error keeps what net/http said.
func (r *Request) readFailed(err error) error {
	if timedOut(err) {
		r.mark(overdue)
		return err
	}
	if errors.Is(err, http.ErrBodyReadAfterClose) || r.check.Load() == nil {
		return err
	}
	// On HTTP/1 the request body and the connection end together.
	truncated := errors.Is(err, io.ErrUnexpectedEOF) && r.body.from.ProtoMajor == 1
	if !truncated && !isReset(err) && r.node.parent.Err() == nil {
		return err // a malformed body, say
	}
	if !r.judge(bodyTruncated, err) {
		return err
	}
	return &abortedRead{err, r.abortError()}
}

// abortedRead reads as what net/http said, and Is the abort and, on HTTP/2 as
// on HTTP/1, io.ErrUnexpectedEOF.
type abortedRead struct{ err, abort error }

func (e *abortedRead) Error() string { return e.err.Error() }
func (e *abortedRead) Unwrap() []error {
	return []error{e.err, e.abort, io.ErrUnexpectedEOF}
}

func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

// reading reports whether a read of the request body is under way.
func (r *Request) reading() bool {
	d := r.det.Load()
	return r.body.gate.busy() || d != nil && d.body.gate.busy()
}

// bodyUnread reports whether some of the request body may be unread.
func (r *Request) bodyUnread() bool {
	b := r.body.from.Body
	return b != nil && b != http.NoBody && !r.is(bodyRead)
}

// answerFirst lets a response out ahead of the rest of the request body. Before
// it sends the header of an HTTP/1 response, net/http reads what is left of the
// body, up to 256 KB, however long that takes.
//
// What is in memory is read here, and the connection lives on if that was all.
// Else it is closed after the response. EnableFullDuplex is no way out: net/http
// then reads the rest when the handler is back, and takes a body that it could
// not read for the next request (golang/go#68560 has the milder case).
func (r *Request) answerFirst() {
	if !r.http1() || !r.bodyUnread() || r.is(flushed) || r.size.Load() > bufferSize {
		return // where the header is out, net/http has dealt with the body
	}
	rc := http.NewResponseController(r.w.inner)
	if rc.SetReadDeadline(past) != nil {
		return // not a server's writer
	}
	if r.body.from.Header.Get("Expect") == "" { // else a read would ask the client for the body
		if _, err := io.Copy(io.Discard, r.body.from.Body); err == nil {
			r.mark(bodyRead)
			return
		}
	}
	w := r.w.inner
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = u.Unwrap()
	}
	if !isHTTP1Writer(w) {
		r.w.inner.Header().Set("Connection", "close") // it comes too late after WriteHeader
		return
	}
	// The one call that has net/http close at any time is http.MaxBytesReader's,
	// and then it lingers, so that a client which still writes gets its answer.
	limited := http.MaxBytesReader(w, io.NopCloser(strings.NewReader("x")), 0)
	_, _ = limited.Read(make([]byte, 1)) // it is over the limit, and says so to w
}

// bufferSize is how much of a body net/http holds back before it sends the
// header.
const bufferSize = 2048
