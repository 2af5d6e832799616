package nethttp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

// applicationError and idleTimeout have the shape of quic-go's errors.
type applicationError struct{ Remote bool }

func (e *applicationError) Error() string { return "application error" }
func (e *applicationError) Unwrap() error { return net.ErrClosed }

type transportError struct{ applicationError }

func (e *transportError) Unwrap() []error { return []error{net.ErrClosed, nil} }

type idleTimeout struct{}

func (*idleTimeout) Error() string { return "no recent network activity" }
func (*idleTimeout) Timeout() bool { return true }
func (*idleTimeout) Unwrap() error { return net.ErrClosed }

func TestRemoteClosed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want bool
	}{
		{&applicationError{true}, true}, {&applicationError{false}, false},
		{&transportError{applicationError{true}}, true}, {&transportError{}, false},
		{fmt.Errorf("wrapped: %w", &applicationError{true}), true}, {&idleTimeout{}, true},
		{net.ErrClosed, false}, {context.Canceled, false}, {context.DeadlineExceeded, false}, {nil, false},
		{errors.New("own cause"), false}, {(*applicationError)(nil), false},
	} {
		if got := nethttp.RemoteClosed(c.err); got != c.want {
			t.Errorf("RemoteClosed(%v) = %v, want %v", c.err, got, c.want)
		}
	}
}
