package request

import (
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

// ReadFrom gives src to the ReadFrom below, so that what goes out is what
// net/http makes of it, and a file is sent by the kernel. Before the status was
// said, it first waits for a byte of src: a source that fails at once leaves the
// handler free to choose a status. That wait is outside the gate.
//
// A copy can fail at either end. An error of src proves nothing about the client,
// even where it looks like the error of a connection.
func (w *Writer) ReadFrom(src io.Reader) (n int64, err error) {
	if w.front.request().hasAny(lifecycle.Hijacked) {
		return io.Copy(writerOnly{w}, src) // net/http's ReadFrom may dereference nil
	}
	if kernelSends(src) {
		return w.readFrom(src, func() bool { return fileFails(src) })
	}
	s := &source{Reader: src, w: w}
	if !w.front.begun() && !s.begin() {
		if err := s.err; err != io.EOF {
			return 0, err
		}
		return 0, nil
	}
	if w.front.request().hasAny(lifecycle.Hijacked) { // src has done it, in its first read
		n, err = io.Copy(writerOnly{w}, s)
	} else {
		n, err = w.readFrom(s, func() bool { return false })
	}
	return n, s.unwrap(err)
}

// readFrom is ReadFrom once there is something to send. failed tells of an error
// that came from a source that is no *source.
func (w *Writer) readFrom(src io.Reader, failed func() bool) (n int64, err error) {
	if !w.gate.Enter() {
		return 0, w.late(0)
	}
	defer w.leave()
	if err := w.front.beforeWrite(0); err != nil {
		return 0, err
	}
	n, err = w.wrapped.(io.ReaderFrom).ReadFrom(src)
	var s *sourceError
	if err != nil && (errors.As(err, &s) || failed()) {
		_ = w.front.afterWrite(n, nil)
		return n, err
	}
	return n, w.front.afterWrite(n, err)
}

type writerOnly struct{ io.Writer }

// source is the reading end of a copy.
type source struct {
	io.Reader
	w     *Writer
	first []byte // read by begin, and not yet given on
	err   error  // that came with first
}

// sourceError is an error of the reading end, on its way through the ReadFrom
// below.
type sourceError struct{ error }

func (e *sourceError) Unwrap() error { return e.error }

// begin waits for the first bytes; false: there are none, and s.err says why.
func (s *source) begin() bool {
	buf := make([]byte, nethttp.SniffLen) // what net/http reads at first
	for len(s.first) == 0 && s.err == nil {
		var n int
		n, s.err = s.Reader.Read(buf)
		s.first = buf[:n]
	}
	return len(s.first) > 0
}

func (s *source) Read(p []byte) (n int, err error) {
	if err = s.w.front.refused(); err != nil {
		return 0, &sourceError{err}
	}
	switch {
	case len(s.first) > 0:
		n = copy(p, s.first)
		if s.first = s.first[n:]; len(s.first) == 0 {
			err = s.err
		}
	case s.err != nil:
		err = s.err
	default:
		n, err = s.Reader.Read(p)
	}
	if err != nil && err != io.EOF {
		err = &sourceError{err}
	}
	return n, err
}

// unwrap gives err as the ReadFrom below would have given it for the bare
// source. Package net puts the source's error into an OpError of its own.
func (s *source) unwrap(err error) error {
	switch e := err.(type) {
	case *sourceError:
		return e.error
	case *net.OpError:
		if in, ok := e.Err.(*sourceError); ok {
			e.Err = in.error
		}
	}
	return err
}

// file is what package net gives to sendfile: an *os.File, or what *os.File
// makes of itself for io.Copy.
type file interface {
	syscall.Conn
	io.ReaderAt
	io.Seeker
}

// kernelSends reports whether src is a regular file with something to send, which
// the kernel sends by itself. Whether there is something is looked up without
// moving the file's position. A pipe or a connection is read here instead: of an
// error of splice nobody can tell whose it is.
func kernelSends(src io.Reader) bool {
	f, ok := fileOf(src)
	return ok && probe(f) == nil
}

// fileFails reports whether reading from src fails by itself.
func fileFails(src io.Reader) bool {
	f, ok := fileOf(src)
	if !ok {
		return false
	}
	err := probe(f)
	return err != nil && err != io.EOF
}

func fileOf(src io.Reader) (f file, ok bool) {
	if l, limited := src.(*io.LimitedReader); limited {
		if l.N <= 0 {
			return nil, false
		}
		src = l.R
	}
	f, ok = src.(file)
	return f, ok
}

// probe reads the byte at f's position, and leaves the position as it is.
func probe(f file) error {
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	var b [1]byte
	if n, err := f.ReadAt(b[:], at); n == 0 {
		return err
	}
	return nil
}
