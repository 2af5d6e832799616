package pipenet_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// result is what a Read or Write on a goroutine of its own came to.
type result struct {
	n   int
	err error
	at  time.Duration // since the call
}

func async(op func([]byte) (int, error), b []byte) <-chan result {
	ch := make(chan result, 1)
	start := time.Now()
	go func() {
		n, err := op(b)
		ch <- result{n, err, time.Since(start)}
	}()
	return ch
}

// blocked fails the test if ch has a result although all others wait.
func blocked(t *testing.T, what string, ch <-chan result) {
	t.Helper()
	synctest.Wait()
	select {
	case r := <-ch:
		t.Fatalf("%s = %d, %v, want it to wait", what, r.n, r.err)
	default:
	}
}

func want(t *testing.T, what string, r result, n int, target error) {
	t.Helper()
	if r.n != n || !errors.Is(r.err, target) {
		t.Errorf("%s = %d, %v, want %d, %v", what, r.n, r.err, n, target)
	}
	var op *net.OpError
	if target != nil && target != io.EOF && !errors.As(r.err, &op) {
		t.Errorf("%s: error is a %T, want a *net.OpError", what, r.err)
	}
}

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

func TestPipe_BothDirections(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, server := pipenet.Pipe(16)
		for _, c := range []struct {
			name     string
			from, to *pipenet.Conn
		}{{"up", client, server}, {"down", server, client}} {
			if n, err := c.from.Write([]byte(c.name)); n != len(c.name) || err != nil {
				t.Fatalf("%s: Write = %d, %v, want %d, nil", c.name, n, err, len(c.name))
			}
			b := make([]byte, 16)
			n, err := c.to.Read(b)
			if got := string(b[:n]); got != c.name || err != nil {
				t.Errorf("%s: Read = %q, %v, want %q, nil", c.name, got, err, c.name)
			}
			if c.from.LocalAddr() != c.to.RemoteAddr() {
				t.Errorf("%s: %v talks to %v", c.name, c.from.LocalAddr(), c.to.RemoteAddr())
			}
		}
	})
}

func TestPipe_WindowBlocksWriter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, server := pipenet.Pipe(4)
		w := async(server.Write, []byte("abcdefghij"))
		blocked(t, "Write of 10 into 4", w)
		b := make([]byte, 8)
		if n, err := client.Read(b); n != 4 || err != nil {
			t.Fatalf("Read = %d, %v, want 4, nil", n, err)
		}
		blocked(t, "Write of 10 after 4 were read", w)
		n, err := io.ReadFull(client, b[:6])
		want(t, "Read of the rest", result{n: n, err: err}, 6, nil)
		if got := string(b[:6]); got != "efghij" {
			t.Errorf("rest = %q, want %q", got, "efghij")
		}
		want(t, "Write", <-w, 10, nil)
	})
}

func TestPipe_WritesDoNotMix(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, server := pipenet.Pipe(3)
		a := async(server.Write, []byte(strings.Repeat("a", 20)))
		b := async(server.Write, []byte(strings.Repeat("b", 20)))
		blocked(t, "first Write", a)
		blocked(t, "second Write", b)
		got := make([]byte, 40)
		if n, err := io.ReadFull(client, got); err != nil {
			t.Fatalf("ReadFull = %d, %v, want 40, nil", n, err)
		}
		if s := strings.TrimLeft(string(got), string(got[0])); len(s) != 20 {
			t.Errorf("read %q, want one Write whole, then the other", got)
		}
		want(t, "first Write", <-a, 20, nil)
		want(t, "second Write", <-b, 20, nil)
	})
}

func TestPipe_HalfClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, server := pipenet.Pipe(16)
		client.Write([]byte("last"))
		if err := client.CloseWrite(); err != nil {
			t.Fatalf("CloseWrite() = %v, want nil", err)
		}
		got, err := io.ReadAll(server)
		if string(got) != "last" || err != nil {
			t.Errorf("ReadAll = %q, %v, want %q, nil", got, err, "last")
		}
		want(t, "Write to the half-closed end", <-async(server.Write, []byte("answer")), 6, nil)
		want(t, "Read at the half-closed end", <-async(client.Read, make([]byte, 16)), 6, nil)
		want(t, "Write at the half-closed end", <-async(client.Write, []byte("x")), 0, net.ErrClosed)
		if err := client.CloseWrite(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second CloseWrite() = %v, want %v", err, net.ErrClosed)
		}
	})
}

func TestPipe_Close(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, server := pipenet.Pipe(4)
		own := async(client.Read, make([]byte, 1))
		w := async(server.Write, make([]byte, 10)) // 4 of it wake own
		want(t, "Read", <-own, 1, nil)
		client.Write([]byte("bye"))
		blocked(t, "Write", w)
		if err := client.Close(); err != nil {
			t.Fatalf("Close() = %v, want nil", err)
		}
		want(t, "Write that waits", <-w, 5, syscall.EPIPE)
		want(t, "Write", <-async(server.Write, []byte("x")), 0, syscall.EPIPE)
		want(t, "Read of what is left", <-async(server.Read, make([]byte, 8)), 3, nil)
		want(t, "Read at the end", <-async(server.Read, make([]byte, 8)), 0, io.EOF)
		want(t, "own Read", <-async(client.Read, make([]byte, 8)), 0, net.ErrClosed)
		want(t, "own Write", <-async(client.Write, []byte("x")), 0, net.ErrClosed)
		if err := client.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close() = %v, want %v", err, net.ErrClosed)
		}
	})
}

func TestPipe_Reset(t *testing.T) {
	for _, waits := range []bool{false, true} {
		t.Run(map[bool]string{false: "idle", true: "waiting"}[waits], func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				client, server := pipenet.Pipe(4)
				server.Write([]byte("full"))
				var r, w <-chan result
				if waits {
					r, w = async(server.Read, make([]byte, 8)), async(server.Write, []byte("x"))
					blocked(t, "Read", r)
					blocked(t, "Write", w)
				} else {
					client.Write([]byte("lost"))
				}
				client.Reset()
				if !waits {
					r, w = async(server.Read, make([]byte, 8)), async(server.Write, []byte("x"))
				}
				want(t, "Read", <-r, 0, syscall.ECONNRESET)
				want(t, "Write", <-w, 0, syscall.ECONNRESET)
				want(t, "own Read", <-async(client.Read, make([]byte, 8)), 0, net.ErrClosed)
				want(t, "own Write", <-async(client.Write, []byte("x")), 0, net.ErrClosed)
			})
		})
	}
}

func TestPipe_BadWindow(t *testing.T) {
	t.Parallel()
	defer func() {
		const want = "pipenet.Pipe: window must be positive, got 0"
		if got := recover(); got != want {
			t.Errorf("Pipe(0) panics with %v, want %q", got, want)
		}
	}()
	pipenet.Pipe(0)
}
