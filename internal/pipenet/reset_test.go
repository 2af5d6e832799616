package pipenet

import (
	"errors"
	"testing"
	"time"
)

// The other end learns of a reset before this end's own reads fail: whoever reads here may
// close the connection then, and the other end would see that.
func TestConn_ResetReachesTheOtherEndFirst(t *testing.T) {
	t.Parallel()
	client, server := Pipe(10)
	client.in.mu.Lock() // no read fails
	over := make(chan struct{})
	go func() { defer close(over); client.Reset() }()
	server.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, errReset) {
		t.Errorf("Read = %v, want %v", err, errReset)
	}
	client.in.mu.Unlock()
	<-over
}
