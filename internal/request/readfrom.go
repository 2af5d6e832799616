package request

import (
	"io"
	"syscall"
)

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
	defer w.leave()
	if !kernelCopies(src) {
		src = &watchedReader{src, w}
	}
	m, err := w.inner.(io.ReaderFrom).ReadFrom(src)
	return n + m, w.wrote(m, err)
}

// begun reports whether the status was said.
func (w *Writer) begun() bool {
	if w.lay != nil {
		return w.lay.begun.Load()
	}
	return w.req.is(committed)
}

// refused gives the error of a write at this moment, nil if it may pass.
func (w *Writer) refused() error {
	switch w.req.winner() {
	case serving:
		return nil
	case exited, aborted:
		if w.req.passes(w) {
			return nil
		}
	default:
		if w.det() == nil {
			return nil
		}
	}
	return w.req.refusal()
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
