package pipenet_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

func TestPipe_ReadDeadline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, server := pipenet.Pipe(16)
		server.SetReadDeadline(time.Now().Add(time.Second))
		r := <-async(server.Read, make([]byte, 1))
		want(t, "Read", r, 0, os.ErrDeadlineExceeded)
		if r.at != time.Second {
			t.Errorf("Read failed after %v, want 1s", r.at)
		}
		var timeout net.Error
		if !errors.As(r.err, &timeout) || !timeout.Timeout() {
			t.Errorf("Timeout() of %v = false, want true", r.err)
		}

		client.Write([]byte("x"))
		want(t, "Read past the deadline", <-async(server.Read, make([]byte, 1)), 0, os.ErrDeadlineExceeded)
		server.SetReadDeadline(time.Time{})
		want(t, "Read without deadline", <-async(server.Read, make([]byte, 1)), 1, nil)
	})
}

func TestPipe_DeadlineMoves(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, server := pipenet.Pipe(16)
		server.SetDeadline(time.Now().Add(time.Second))
		r := async(server.Read, make([]byte, 1))
		synctest.Wait()
		server.SetReadDeadline(time.Now().Add(time.Minute))
		time.Sleep(2 * time.Second)
		blocked(t, "Read with the deadline moved on", r)
		server.SetReadDeadline(time.Unix(1, 0)) // as net/http wakes its own read
		got := <-r
		want(t, "Read with the deadline moved back", got, 0, os.ErrDeadlineExceeded)
		if got.at != 2*time.Second {
			t.Errorf("Read failed after %v, want 2s", got.at)
		}
	})
}

func TestPipe_WriteDeadline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, server := pipenet.Pipe(4)
		server.SetWriteDeadline(time.Now().Add(time.Second))
		want(t, "Write of 10 into 4", <-async(server.Write, make([]byte, 10)), 4, os.ErrDeadlineExceeded)
		want(t, "Read", <-async(client.Read, make([]byte, 10)), 4, nil)
		want(t, "Write past the deadline", <-async(server.Write, make([]byte, 1)), 0, os.ErrDeadlineExceeded)
	})
}
