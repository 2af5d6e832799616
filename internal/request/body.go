package request

import (
	"context"
	"io"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/gate"
)

// body stands in front of the request body of the copy that a handler gets.
// net/http knows its own request's body by its type, so that one stays as it is.
type body struct {
	req      *Request
	gate     gate.Gate
	turn     conn.Turn     // on the connection, see Request.lease; of the request's own body alone
	from, to *http.Request // the request handed to lastbyte, and its copy
}

// send makes *to the copy, with ctx, that is sent down to the handler. The copy
// that it makes on the way is not to stay on the stack of a goroutine that waits.
//
//go:noinline
func (b *body) send(to *http.Request, ctx context.Context) {
	*to = *b.from.WithContext(ctx)
	if to.Body != nil && to.Body != http.NoBody {
		to.Body = b
	}
	b.to = to
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
	n, err := b.from.Body.Read(p)
	switch err {
	case nil:
	case io.EOF:
		b.req.note(bodyRead)
		b.to.Trailer = b.from.Trailer // net/http sets those of its own request
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
	return b.from.Body.Close()
}
