package request

import (
	"fmt"
	"io"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/gate"
	"github.com/lastbyte-go/lastbyte/internal/header"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
)

// body stands in front of the request body of the copy that a handler gets.
// net/http knows its own request's body by its type, so that one stays as it is.
type body struct {
	req  *Request
	gate gate.Gate
	turn conn.Turn // on the connection, see Request.lease; of the request's own body alone
}

// pair gives the requests whose body b stands in front of. There are two bodies in a
// request: its own, and that of Detached, which is noted before its handler begins.
func (b *body) pair() *pair {
	if r := b.req; b == &r.body {
		return &r.pair
	}
	return &b.req.det.Load().pair
}

func (b *body) Read(p []byte) (int, error) {
	if !b.gate.Enter() {
		return 0, errBodyEnded
	}
	n, err := b.read(p)
	if b.req.noted(recheckAfterCall) {
		b.req.look() // outside the gate, where it is seen that the read is over
	}
	return n, err
}

func (b *body) read(p []byte) (int, error) {
	defer b.gate.Leave(b.req)
	if b.req.hasAny(lifecycle.TimedOut) {
		return 0, ErrExited // see releaseRead
	}
	reqs := b.pair()
	n, err := reqs.in.Body.Read(p)
	switch err {
	case nil:
	case io.EOF:
		b.req.note(bodyRead)
		if reqs.in.Trailer != nil {
			b.req.takeTrailers(reqs)
		}
	default:
		err = b.req.readFailed(err)
		if b.req.hasAny(lifecycle.TimedOut) {
			err = fmt.Errorf("%w: %w", ErrExited, err)
		}
	}
	return n, err
}

func (b *body) Close() error {
	if !b.gate.Enter() {
		return nil
	}
	defer b.gate.Leave(b.req)
	return b.pair().in.Body.Close()
}

// takeTrailers carries the trailers of the request body inside: the server gives them to
// its own request. net/http fills the map that both requests have had from the start, if
// the header has announced them; otherwise, and over HTTP/3 always, there is another map.
// The first reader that meets the end of the body writes, and the lock orders it before
// every other that meets it. Where there is nothing new nothing is written, since other
// goroutines may read the request.
func (r *Request) takeTrailers(p *pair) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !header.Same(p.out.Trailer, p.in.Trailer) {
		p.out.Trailer = p.in.Trailer
	}
}
