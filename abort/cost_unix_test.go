//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package abort_test

import (
	"context"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
)

// Where the connection is a socket, a callback needs nobody else to tell of the client's
// end: net/http's context is not waited for, which is six allocations.
func TestOn_SocketIsWitnessEnough(t *testing.T) {
	on := testing.AllocsPerRun(2000, requests(t, askers[0].ask, abort.ConnContext))
	nothing := testing.AllocsPerRun(2000, requests(t, func(context.Context) {}, abort.ConnContext))
	if on > nothing {
		t.Errorf("a request with On costs %v allocations, %v without, want no more", on, nothing)
	}
}
