package request

import (
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

// terminal is where Unwrap ends when handlers must not reach the wrapped writer. Its
// calls go through the gate like all others, so it can be used at any time.
type terminal Writer

func (v *terminal) Header() http.Header         { return (*Writer)(v).Header() }
func (v *terminal) Write(p []byte) (int, error) { return (*Writer)(v).Write(p) }
func (v *terminal) WriteHeader(status int)      { (*Writer)(v).WriteHeader(status) }

// The methods of a server's writer that have no part in compose.go.
type (
	deadlines  struct{ v *Writer }
	flushError struct{ v *Writer }
)

func (p deadlines) SetReadDeadline(t time.Time) error  { return p.v.SetReadDeadline(t) }
func (p deadlines) SetWriteDeadline(t time.Time) error { return p.v.SetWriteDeadline(t) }
func (p deadlines) EnableFullDuplex() error            { return p.v.EnableFullDuplex() }
func (p flushError) FlushError() error                 { return p.v.FlushError() }

// terminal gives a writer with all the methods of the wrapped one if that is a
// server's: code that unwraps to the end uses what it finds there.
func (w *Writer) terminal() http.ResponseWriter {
	t := (*terminal)(w)
	switch nethttp.Of(w.wrapped) {
	case nethttp.HTTP1:
		return struct {
			*terminal
			flusher
			hijack
			readers
			stringw
			notify
			deadlines
		}{t, flusher{w}, hijack{w}, readers{w}, stringw{w}, notify{w}, deadlines{w}}
	case nethttp.HTTP2:
		return struct {
			*terminal
			flusher
			pusher
			stringw
			notify
			deadlines
		}{t, flusher{w}, pusher{w}, stringw{w}, notify{w}, deadlines{w}}
	}
	return struct {
		*terminal
		flushError
		deadlines
	}{t, flushError{w}, deadlines{w}}
}

// below is the writer that this one stands in front of. Under Detach, and once
// net/http has the writer back, that one would be a way around the gate: then it
// is a writer behind the gate. It is never nil, since code that unwraps to the
// end uses what it finds there.
func (w *Writer) below() http.ResponseWriter {
	if w.det() != nil || !w.gate.Enter() {
		return w.terminal()
	}
	defer w.front.leave()
	return w.wrapped
}
