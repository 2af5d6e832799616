package nethttp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

// The types have the shape of quic-go's errors; internal/thirdparty/http3 has the real
// ones.
type applicationError struct {
	Remote    bool
	ErrorCode uint64
}

func (e *applicationError) Error() string { return "application error" }
func (e *applicationError) Unwrap() error { return net.ErrClosed }

type transportError struct{ applicationError }

func (e *transportError) Unwrap() []error { return []error{net.ErrClosed, nil} }

type streamError struct {
	Remote    bool
	ErrorCode uint64
}

func (e *streamError) Error() string { return "stream error" }

type lost struct{ timeout, temporary bool }

func (*lost) Error() string     { return "no recent network activity" }
func (l *lost) Timeout() bool   { return l.timeout }
func (l *lost) Temporary() bool { return l.temporary }
func (*lost) Unwrap() error     { return net.ErrClosed }

type noCode struct{ Remote bool }

func (noCode) Error() string { return "an error of something else" }

func TestOfQUIC(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want nethttp.QUICEnd
	}{
		{&applicationError{Remote: true}, nethttp.ClosedByPeer}, {&applicationError{}, nethttp.EndedHere},
		{&transportError{applicationError{Remote: true}}, nethttp.ClosedByPeer}, {&transportError{}, nethttp.EndedHere},
		{fmt.Errorf("wrapped: %w", &applicationError{Remote: true}), nethttp.ClosedByPeer},
		{&streamError{Remote: true}, nethttp.ResetByPeer}, {&streamError{}, nethttp.EndedHere},
		{&lost{timeout: true}, nethttp.PeerLost}, {&lost{temporary: true}, nethttp.PeerLost}, {&lost{}, nethttp.NotQUIC},
		{net.ErrClosed, nethttp.NotQUIC}, {&net.OpError{Op: "read", Err: net.ErrClosed}, nethttp.NotQUIC},
		{os.ErrDeadlineExceeded, nethttp.NotQUIC}, {context.Canceled, nethttp.NotQUIC}, {context.DeadlineExceeded, nethttp.NotQUIC},
		{nil, nethttp.NotQUIC}, {errors.New("own cause"), nethttp.NotQUIC}, {noCode{true}, nethttp.NotQUIC},
		{(*applicationError)(nil), nethttp.NotQUIC},
	} {
		if got := nethttp.OfQUIC(c.err); got != c.want {
			t.Errorf("OfQUIC(%v) = %v, want %v", c.err, got, c.want)
		}
	}
}

// Canary: the types of package context embed the context that they were made of,
// as they do in Go 1.26.8 and 1.27.3.
func TestEndOfQUIC(t *testing.T) {
	t.Parallel()
	conn, end := context.WithCancelCause(t.Context())
	type key struct{}
	ctx := context.WithValue(conn, key{}, 1)
	ctx, cancel := context.WithCancel(ctx)
	ctx, stop := context.WithTimeout(ctx, time.Hour)
	defer stop()
	ctx, done := context.WithCancel(struct{ context.Context }{ctx})
	defer done()
	cancel()
	if got := nethttp.EndOfQUIC(ctx); got != nethttp.NotQUIC {
		t.Errorf("EndOfQUIC() = %v before the connection's end, want %v", got, nethttp.NotQUIC)
	}
	end(&applicationError{})
	if got := nethttp.EndOfQUIC(ctx); got != nethttp.EndedHere {
		t.Errorf("EndOfQUIC() = %v after it, want %v", got, nethttp.EndedHere)
	}
	hidden := context.WithoutCancel(ctx)
	if got := nethttp.EndOfQUIC(hidden); got != nethttp.NotQUIC {
		t.Errorf("EndOfQUIC() = %v of a context that embeds none, want %v", got, nethttp.NotQUIC)
	}
}
