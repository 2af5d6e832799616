package pipenet

import (
	"errors"
	"testing"
)

// The other end learns of a reset before this end's own reads fail: whoever reads here may
// close the connection then, and the other end would see that. What the other end writes
// in that moment, and what it has written before, does not arrive any more.
func TestConn_ResetReachesTheOtherEndFirst(t *testing.T) {
	t.Parallel()
	client, server := Pipe(10)
	if _, err := server.Write([]byte("early")); err != nil {
		t.Fatalf("Write = %v, want nil", err)
	}
	told := false
	Teller{Conn: server}.NotifyPeerEnd(func() {
		if told {
			return
		}
		told = true
		if _, err := server.Read(make([]byte, 1)); !errors.Is(err, errReset) {
			t.Errorf("the other end's Read = %v, want %v", err, errReset)
		}
		if _, err := server.Write([]byte("late")); !errors.Is(err, errReset) {
			t.Errorf("the other end's Write = %v, want %v", err, errReset)
		}
		client.in.mu.Lock()
		defer client.in.mu.Unlock()
		if f := client.in; f.reset || f.rclosed || len(f.buf) > 0 {
			t.Errorf("a Read of this end would give %q, or an error: %t, %t; want it to wait", f.buf, f.reset, f.rclosed)
		}
	})
	client.Reset()
	if !told {
		t.Error("the other end was not told of the reset")
	}
}
