//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package peer_test

import (
	"crypto/tls"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// withSyscallConn, withNetConn and opaque are the wrappers that one meets.
type withSyscallConn struct{ net.Conn }

func (w withSyscallConn) SyscallConn() (syscall.RawConn, error) {
	return w.Conn.(syscall.Conn).SyscallConn()
}

type withNetConn struct{ net.Conn }

func (w withNetConn) NetConn() net.Conn { return w.Conn }

// embedding is a wrapper with nothing but what it embeds, as those of
// netutil.LimitListener and cmux are; hiding has it in a field of its own, and
// withRaw is go-proxyproto's.
type embedding struct{ net.Conn }

type embeddingTLS struct{ *tls.Conn }

type hiding struct{ c net.Conn }

func (w *hiding) Read(b []byte) (int, error)         { return w.c.Read(b) }
func (w *hiding) Write(b []byte) (int, error)        { return w.c.Write(b) }
func (w *hiding) Close() error                       { return w.c.Close() }
func (w *hiding) LocalAddr() net.Addr                { return w.c.LocalAddr() }
func (w *hiding) RemoteAddr() net.Addr               { return w.c.RemoteAddr() }
func (w *hiding) SetDeadline(t time.Time) error      { return w.c.SetDeadline(t) }
func (w *hiding) SetReadDeadline(t time.Time) error  { return w.c.SetReadDeadline(t) }
func (w *hiding) SetWriteDeadline(t time.Time) error { return w.c.SetWriteDeadline(t) }

type withRaw struct{ *hiding }

func (w withRaw) Raw() net.Conn { return w.c }

// panicking has methods that panic.
type panicking struct{ *hiding }

func (panicking) NetConn() net.Conn                     { panic("NetConn") }
func (panicking) SyscallConn() (syscall.RawConn, error) { panic("SyscallConn") }

// numbered gives a descriptor of its own.
type numbered struct {
	*hiding
	fd uintptr
}

func (w numbered) SyscallConn() (syscall.RawConn, error) { return rawConn(w.fd), nil }

type rawConn uintptr

func (r rawConn) Control(f func(uintptr)) error  { f(uintptr(r)); return nil }
func (r rawConn) Read(func(uintptr) bool) error  { return syscall.EINVAL }
func (r rawConn) Write(func(uintptr) bool) error { return syscall.EINVAL }

// itself names itself as the connection below.
type itself struct{ net.Conn }

func (w itself) NetConn() net.Conn { return w }

// refusing has a SyscallConn that does not work, and a NetConn that does.
type refusing struct{ net.Conn }

func (w refusing) SyscallConn() (syscall.RawConn, error) { return nil, syscall.EINVAL }
func (w refusing) NetConn() net.Conn                     { return w.Conn }

func TestWatch_Wrappers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		wrap func(net.Conn) net.Conn
		want peer.State // Closed where the FIN is seen
	}{
		{"SyscallConn", func(c net.Conn) net.Conn { return withSyscallConn{c} }, peer.Closed},
		{"NetConn", func(c net.Conn) net.Conn { return withNetConn{c} }, peer.Closed},
		{"tls", func(c net.Conn) net.Conn { return tls.Server(c, &tls.Config{}) }, peer.Closed},
		{"tls over both", func(c net.Conn) net.Conn {
			return tls.Server(withNetConn{withSyscallConn{c}}, &tls.Config{})
		}, peer.Closed},
		{"refusing SyscallConn", func(c net.Conn) net.Conn { return refusing{c} }, peer.Closed},
		{"embedding", func(c net.Conn) net.Conn { return embedding{c} }, peer.Closed},
		{"a pointer to embedding", func(c net.Conn) net.Conn { return &embedding{c} }, peer.Closed},
		{"Raw", func(c net.Conn) net.Conn { return withRaw{&hiding{c}} }, peer.Closed},
		{"tls over embedding over Raw", func(c net.Conn) net.Conn {
			return tls.Server(&embedding{withRaw{&hiding{c}}}, &tls.Config{})
		}, peer.Closed},
		{"embedding over tls", func(c net.Conn) net.Conn {
			return &embedding{embeddingTLS{tls.Server(c, &tls.Config{})}}
		}, peer.Closed},
		{"hiding", func(c net.Conn) net.Conn { return &hiding{c} }, peer.Unknown},
		{"panicking", func(c net.Conn) net.Conn { return panicking{&hiding{c}} }, peer.Unknown},
		{"descriptor -1", func(c net.Conn) net.Conn { return numbered{&hiding{c}, ^uintptr(0)} }, peer.Unknown},
		{"descriptor of nobody", func(c net.Conn) net.Conn { return numbered{&hiding{c}, 1 << 30} }, peer.Unknown},
		{"nil embedded", func(net.Conn) net.Conn { return &embedding{} }, peer.Unknown},
		{"nil pointer", func(net.Conn) net.Conn { return (*embedding)(nil) }, peer.Unknown},
		{"itself", func(c net.Conn) net.Conn { return itself{c} }, peer.Unknown},
		{"nil below", func(net.Conn) net.Conn { return withNetConn{} }, peer.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server, client := pair(t)
			c, r := peer.New(tt.wrap(server)), newRecorder()
			if got, want := c.Watch(r), tt.want != peer.Unknown; got != want {
				t.Fatalf("Watch: got %v, want %v", got, want)
			}
			client.Close()
			if tt.want != peer.Unknown {
				r.want(t, tt.want)
			}
			settle(t)
			r.silent(t)
			if got := c.State(); got != tt.want {
				t.Errorf("State: got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestWatch_Pipe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // and starts no goroutine in the bubble
		server, client := net.Pipe()
		defer server.Close()
		c, r := peer.New(server), newRecorder()
		if got := c.State(); got != peer.Unknown {
			t.Errorf("State: got %v, want Unknown", got)
		}
		if c.Watch(r) {
			t.Error("Watch: got true, want false")
		}
		client.Close()
		synctest.Wait()
		r.silent(t)
		c.Unwatch(r)
	})
}
