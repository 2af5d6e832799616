package request

import (
	"bufio"
	"io"
	"net"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

type (
	flusher struct{ v *Writer }
	hijack  struct{ v *Writer }
	readers struct{ v *Writer }
	stringw struct{ v *Writer }
	pusher  struct{ v *Writer }
	notify  struct{ v *Writer }
)

func (p flusher) Flush()                                       { p.v.Flush() }
func (p flusher) FlushError() error                            { return p.v.FlushError() }
func (p hijack) Hijack() (net.Conn, *bufio.ReadWriter, error)  { return p.v.Hijack() }
func (p readers) ReadFrom(src io.Reader) (int64, error)        { return p.v.ReadFrom(src) }
func (p stringw) WriteString(s string) (int, error)            { return p.v.WriteString(s) }
func (p pusher) Push(target string, o *http.PushOptions) error { return p.v.Push(target, o) }
func (p notify) CloseNotify() <-chan bool                      { return p.v.CloseNotify() }

const (
	hasFlush = 1 << iota
	hasHijack
	hasReadFrom
	hasString
	hasPush
	hasNotify
)

func methods(w http.ResponseWriter) (set int) {
	if _, ok := w.(http.Flusher); ok {
		set |= hasFlush
	}
	if _, ok := w.(http.Hijacker); ok {
		set |= hasHijack
	}
	if _, ok := w.(io.ReaderFrom); ok {
		set |= hasReadFrom
	}
	if _, ok := w.(io.StringWriter); ok {
		set |= hasString
	}
	if _, ok := w.(http.Pusher); ok {
		set |= hasPush
	}
	if _, ok := w.(nethttp.CloseNotifier); ok {
		set |= hasNotify
	}
	return set
}

// view gives the ResponseWriter for a handler, and notes what the one below
// speaks. The sets are those of net/http, httptest, http.TimeoutHandler, chi's
// and zerolog's wrappers. For any other the largest of these serves that claims
// nothing the writer below lacks; an http.ResponseController still reaches the
// rest.
func (w *Writer) view() http.ResponseWriter { return w.shape(w.ask()) }

// ask notes what the writer below speaks. The result is what that writer itself is,
// wrapped by nobody.
func (w *Writer) ask() nethttp.Protocol {
	p := itself(w.wrapped)
	if w.speaks = p; p == nethttp.Unknown {
		_, w.speaks = nethttp.Server(w.wrapped)
	}
	return p
}

// itself is nethttp.Of, quicker for one of lastbyte's own.
func itself(w http.ResponseWriter) nethttp.Protocol {
	switch w.(type) {
	case *h1:
		return nethttp.HTTP1
	case *h2:
		return nethttp.HTTP2
	}
	return nethttp.Of(w)
}

// shape gives the ResponseWriter for a handler. It looks at the type of the writer
// below alone, which itself describes, and may be called when that is no longer to be
// touched.
func (w *Writer) shape(itself nethttp.Protocol) http.ResponseWriter {
	switch itself {
	case nethttp.HTTP1:
		return (*h1)(w)
	case nethttp.HTTP2:
		return (*h2)(w)
	}
	return compose(w)
}

func compose(w *Writer) http.ResponseWriter {
	p, set := (*plain)(w), methods(w.wrapped)
	has := func(want int) bool { return set&want == want }
	switch {
	case has(hasFlush | hasHijack | hasReadFrom | hasNotify):
		return struct {
			*plain
			flusher
			hijack
			readers
			notify
		}{p, flusher{w}, hijack{w}, readers{w}, notify{w}}
	case has(hasFlush | hasHijack | hasReadFrom):
		return struct {
			*plain
			flusher
			hijack
			readers
		}{p, flusher{w}, hijack{w}, readers{w}}
	case has(hasFlush | hasReadFrom):
		return struct {
			*plain
			flusher
			readers
		}{p, flusher{w}, readers{w}}
	case has(hasHijack | hasReadFrom):
		return struct {
			*plain
			hijack
			readers
		}{p, hijack{w}, readers{w}}
	case has(hasFlush | hasHijack):
		return struct {
			*plain
			flusher
			hijack
		}{p, flusher{w}, hijack{w}}
	case has(hasFlush | hasPush):
		return struct {
			*plain
			flusher
			pusher
		}{p, flusher{w}, pusher{w}}
	case has(hasFlush | hasString):
		return struct {
			*plain
			flusher
			stringw
		}{p, flusher{w}, stringw{w}}
	case has(hasReadFrom):
		return struct {
			*plain
			readers
		}{p, readers{w}}
	case has(hasFlush):
		return struct {
			*plain
			flusher
		}{p, flusher{w}}
	case has(hasHijack):
		return struct {
			*plain
			hijack
		}{p, hijack{w}}
	case has(hasPush):
		return struct {
			*plain
			pusher
		}{p, pusher{w}}
	case has(hasString):
		return struct {
			*plain
			stringw
		}{p, stringw{w}}
	}
	return p
}
