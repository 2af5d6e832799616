package request

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

// A handler must find exactly the optional interfaces on its writer that the
// one below has. Each set is a type of its own over the same Writer: the two of
// net/http cost nothing; the others, those of wrappers, are put together of
// parts.

// h1 has what the writer of an HTTP/1 server has, h2 that of HTTP/2.
type (
	h1 Writer
	h2 Writer
)

func (v *h1) Header() http.Header                          { return (*Writer)(v).Header() }
func (v *h1) Write(p []byte) (int, error)                  { return (*Writer)(v).Write(p) }
func (v *h1) WriteString(s string) (int, error)            { return (*Writer)(v).WriteString(s) }
func (v *h1) WriteHeader(status int)                       { (*Writer)(v).WriteHeader(status) }
func (v *h1) ReadFrom(src io.Reader) (int64, error)        { return (*Writer)(v).ReadFrom(src) }
func (v *h1) Flush()                                       { (*Writer)(v).Flush() }
func (v *h1) FlushError() error                            { return (*Writer)(v).FlushError() }
func (v *h1) Hijack() (net.Conn, *bufio.ReadWriter, error) { return (*Writer)(v).Hijack() }
func (v *h1) CloseNotify() <-chan bool                     { return (*Writer)(v).CloseNotify() }
func (v *h1) SetReadDeadline(t time.Time) error            { return (*Writer)(v).SetReadDeadline(t) }
func (v *h1) SetWriteDeadline(t time.Time) error           { return (*Writer)(v).SetWriteDeadline(t) }
func (v *h1) EnableFullDuplex() error                      { return (*Writer)(v).EnableFullDuplex() }
func (v *h1) Unwrap() http.ResponseWriter                  { return (*Writer)(v).below() }

func (v *h1) writer() *Writer { return (*Writer)(v) }

func (v *h2) Header() http.Header                           { return (*Writer)(v).Header() }
func (v *h2) Write(p []byte) (int, error)                   { return (*Writer)(v).Write(p) }
func (v *h2) WriteString(s string) (int, error)             { return (*Writer)(v).WriteString(s) }
func (v *h2) WriteHeader(status int)                        { (*Writer)(v).WriteHeader(status) }
func (v *h2) Flush()                                        { (*Writer)(v).Flush() }
func (v *h2) FlushError() error                             { return (*Writer)(v).FlushError() }
func (v *h2) CloseNotify() <-chan bool                      { return (*Writer)(v).CloseNotify() }
func (v *h2) Push(target string, o *http.PushOptions) error { return (*Writer)(v).Push(target, o) }
func (v *h2) SetReadDeadline(t time.Time) error             { return (*Writer)(v).SetReadDeadline(t) }
func (v *h2) SetWriteDeadline(t time.Time) error            { return (*Writer)(v).SetWriteDeadline(t) }
func (v *h2) EnableFullDuplex() error                       { return (*Writer)(v).EnableFullDuplex() }
func (v *h2) Unwrap() http.ResponseWriter                   { return (*Writer)(v).below() }
func (v *h2) writer() *Writer                               { return (*Writer)(v) }

// plain is a ResponseWriter and nothing else; compose adds parts to it.
type plain Writer

func (v *plain) Header() http.Header         { return (*Writer)(v).Header() }
func (v *plain) Write(p []byte) (int, error) { return (*Writer)(v).Write(p) }
func (v *plain) WriteHeader(status int)      { (*Writer)(v).WriteHeader(status) }
func (v *plain) Unwrap() http.ResponseWriter {
	w := (*Writer)(v)
	if !w.leadsToHijacker() {
		return (*controls)(w)
	}
	return struct {
		*controls
		hijack
	}{(*controls)(w), hijack{w}}
}
func (v *plain) writer() *Writer { return (*Writer)(v) }

// controls is what Unwrap of plain gives: everything that an
// http.ResponseController asks for, and nothing else that handlers assert, so
// that a call which finds its way to a writer further below is seen all the
// same. Hijack is added to it where a writer further below has it: libraries
// that find the method send the header of the upgrade before they call it.
type controls Writer

func (v *controls) writer() *Writer                    { return (*Writer)(v) }
func (v *controls) Header() http.Header                { return (*Writer)(v).Header() }
func (v *controls) Write(p []byte) (int, error)        { return (*Writer)(v).Write(p) }
func (v *controls) WriteHeader(status int)             { (*Writer)(v).WriteHeader(status) }
func (v *controls) FlushError() error                  { return (*Writer)(v).FlushError() }
func (v *controls) SetReadDeadline(t time.Time) error  { return (*Writer)(v).SetReadDeadline(t) }
func (v *controls) SetWriteDeadline(t time.Time) error { return (*Writer)(v).SetWriteDeadline(t) }
func (v *controls) EnableFullDuplex() error            { return (*Writer)(v).EnableFullDuplex() }
func (v *controls) Unwrap() http.ResponseWriter        { return (*Writer)(v).below() }

// leadsToHijacker reports whether w's Hijack may find one in a writer below.
func (w *Writer) leadsToHijacker() bool {
	if !w.gate.Enter() {
		return false
	}
	defer w.front.leave()
	return nethttp.Any(w.wrapped, func(in http.ResponseWriter) bool {
		_, ok := in.(http.Hijacker)
		return ok
	})
}

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
