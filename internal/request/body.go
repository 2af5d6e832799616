package request

import (
	"io"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/gate"
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
	reqs := b.pair()
	n, err := reqs.in.Body.Read(p)
	switch err {
	case nil:
	case io.EOF:
		b.req.note(bodyRead)
		reqs.out.Trailer = reqs.in.Trailer // net/http sets those of its own request
	default:
		err = b.req.readFailed(err)
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
