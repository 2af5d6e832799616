package comparison

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

const filesize = 100_000

// A source is read from by io.Copy and its like.
type source struct {
	a     *actor
	size  int           // bytes until the end
	step  int           // most bytes of one Read
	end   error         // what comes after them
	along bool          // together with the last of them
	wait  time.Duration // pause after half of them; 0: none
	given int
}

func (s *source) Read(p []byte) (int, error) {
	if s.wait > 0 && s.given >= s.size/2 {
		s.a.s.pause(s.wait)
		s.wait = 0
	}
	n := min(len(p), s.step, s.size-s.given)
	if s.wait > 0 {
		n = min(n, max(s.size/2-s.given, 1))
	}
	for i := range p[:n] {
		p[i] = 'a' + byte((s.given+i)%26)
	}
	s.given += n
	if n == 0 || s.along && s.given == s.size {
		return n, s.end
	}
	return n, nil
}

// upstreamError chooses what a source may end with. Most look like
// an error of the client's connection.
func upstreamError(in *input) error {
	return pick(in,
		io.EOF, io.EOF, io.EOF, errSource, error(syscall.ECONNRESET), error(syscall.EPIPE),
		errors.New("client disconnected"), os.ErrDeadlineExceeded, io.ErrUnexpectedEOF,
		fmt.Errorf("upstream: %w", syscall.ECONNRESET), error(syscall.ETIMEDOUT))
}

func size(in *input) int {
	return pick(in, 5, 1, 0, 100, 511, 512, 513, 700, 2047, 2048, 2049, 4096, 5000, 10000, 70000)
}

// A reading is a source as a generator describes it; each run opens its own.
type reading struct {
	text string
	open func(a *actor) (r io.Reader, given func() int, done func())
}

func nothing() {}

// newReading chooses a source.
func newReading(in *input, s *script) reading {
	kind, n := in.next(), size(in)
	switch kind % 8 {
	case 0:
		return reading{fmt.Sprintf("bytes.Reader(%d)", n), func(*actor) (io.Reader, func() int, func()) {
			b := bytes.NewReader(pattern('a', n))
			return struct{ io.Reader }{b}, func() int { return n - b.Len() }, nothing
		}}
	case 1, 2:
		limit := pick(in, -1, 700, 3000, filesize)
		return reading{fmt.Sprintf("file, limit %d", limit), func(a *actor) (io.Reader, func() int, func()) {
			f, err := os.Open(a.file)
			if err != nil {
				panic(err)
			}
			given := func() int { at, _ := f.Seek(0, io.SeekCurrent); return int(at) }
			if limit >= 0 {
				return io.LimitReader(f, int64(limit)), given, func() { f.Close() }
			}
			return f, given, func() { f.Close() }
		}}
	}
	src := source{size: n, step: pick(in, 32768, 32768, 100, 513, 700), end: upstreamError(in)}
	src.along = in.next()%4 == 0
	if !s.loopback && in.next()%4 == 0 {
		src.wait = 5 * time.Millisecond
	}
	limit := -1
	if kind%8 == 3 {
		limit = size(in)
	}
	text := fmt.Sprintf("source(%d by %d, then %q, along %t, pause %v), limit %d", src.size, src.step, src.end, src.along, src.wait, limit)
	return reading{text, func(a *actor) (io.Reader, func() int, func()) {
		t := src
		t.a = a
		given := func() int { return t.given }
		if limit >= 0 {
			return io.LimitReader(&t, int64(limit)), given, nothing
		}
		return &t, given, nothing
	}}
}
