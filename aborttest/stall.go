package aborttest

import (
	"bytes"
	"io"
	"sync"
)

// stalled is a request body that comes to a halt.
type stalled struct {
	r     io.Reader
	ended chan struct{}
	once  sync.Once
}

// Stall returns a request body of n bytes that are all 'x', after which the client
// sends no more and stays: the request is not over before it leaves. In a bubble call
// it there.
func Stall(n int) io.ReadCloser { return StallAfter(bytes.NewReader(bytes.Repeat([]byte("x"), n))) }

// StallAfter is [Stall] with what r has in place of n bytes: half of a form, say.
func StallAfter(r io.Reader) io.ReadCloser { return &stalled{r: r, ended: make(chan struct{})} }

// Read gives what there is, and then waits for Close.
func (s *stalled) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if err == nil || n > 0 {
		return n, nil
	}
	if err != io.EOF {
		return 0, err
	}
	<-s.ended
	return 0, io.ErrClosedPipe
}

// Close ends the halt.
func (s *stalled) Close() error {
	s.once.Do(func() { close(s.ended) })
	return nil
}
