//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package peer

import (
	"errors"
	"math"
	"net"
	"os"
	"sync"
	"syscall"
	"weak"

	"golang.org/x/sys/unix"
)

// errNoSocket is why a connection cannot be asked: there is no descriptor.
var errNoSocket = errors.New("peer: no socket")

// poller finds the Conn that an event of the kernel's queue belongs to. There
// is one per process; it is never closed.
type poller struct {
	queue *queue

	mu sync.Mutex

	// conns has the Conn of each descriptor. It keeps nothing alive: a Conn that
	// its owner forgot is collected, and its place waits for the descriptor's
	// next owner. So nobody has to remove anything, and a place costs a pointer.
	conns []weak.Pointer[Conn]
	last  uint32 // the key given out last
}

// shared is the poller of the process, made when the first Conn needs it. A
// poller per Server would need a Close that no hook of net/http can call.
var shared struct {
	mu sync.Mutex
	p  *poller
}

// sharedPoller returns the poller of the process, or an error if the kernel
// refuses a queue. The next caller tries again.
func sharedPoller() (*poller, error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.p == nil {
		q, err := newQueue()
		if err != nil {
			return nil, err
		}
		shared.p = &poller{queue: q}
		go shared.p.run()
	}
	return shared.p, nil
}

// run hands events out for ever.
func (p *poller) run() {
	for {
		if err := p.queue.wait(p.deliver); err != nil {
			break
		}
	}
	// Somebody closed a descriptor that is not his. Those who watch already are
	// lost; new connections get a new queue.
	shared.mu.Lock()
	if shared.p == p {
		shared.p = nil
	}
	shared.mu.Unlock()
}

// deliver tells the Conn registered under key, if it still exists and has its
// descriptor to itself. Unknown means that the event does not say enough: the
// socket is asked.
func (p *poller) deliver(key uint64, s State) {
	fd := int(uint32(key))
	p.mu.Lock()
	var c *Conn
	if fd < len(p.conns) {
		if c = p.conns[fd].Value(); c != nil && key != keyOf(uintptr(fd), c.key) {
			c = nil // the event is for the descriptor's last owner
		}
	}
	p.mu.Unlock()
	if c == nil {
		return
	}
	if s == Unknown {
		s = c.ask()
	}
	c.event(s)
}

// add enters c, whose descriptor is fd, which must stay open meanwhile. Called
// with c.mu held.
func (p *poller) add(fd uintptr, c *Conn) error {
	key := p.enter(fd, c)
	err := p.queue.add(fd, key) // after it is entered: the event may come before this returns
	if err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.conns[fd] = weak.Pointer[Conn]{}
		c.key = 0
	}
	return err
}

// enter gives c a key and the place of fd, which is one that the kernel knows.
func (p *poller) enter(fd uintptr, c *Conn) (key uint64) {
	p.mu.Lock()
	defer p.mu.Unlock() // deferred: whatever happens, the other connections live on
	if n := int(fd) + 1; n > len(p.conns) {
		p.conns = append(p.conns, make([]weak.Pointer[Conn], n-len(p.conns))...)
	}
	if p.last++; p.last == 0 {
		p.last = 1
	}
	p.conns[fd] = weak.Make(c)
	c.key = p.last
	return keyOf(fd, c.key)
}

// register makes the poller watch c for the rest of its life. Called with c.mu
// held.
func (c *Conn) register() bool {
	added := false
	err := c.control(func(fd uintptr) {
		if p, err := sharedPoller(); err == nil {
			added = p.add(fd, c) == nil
		}
	})
	return err == nil && added
}

// control calls f with the descriptor of c, which stays open while f runs. The
// connection may be anybody's: what its RawConn gives has to be a descriptor that
// the kernel knows, and a panic of it means that there is no socket.
func (c *Conn) control(f func(fd uintptr)) (err error) {
	defer func() {
		if recover() != nil {
			err = errNoSocket
		}
	}()
	nc := c.nc
	for range maxWrappers {
		if sc, ok := nc.(syscall.Conn); ok {
			if raw, err := sc.SyscallConn(); err == nil && raw != nil {
				return control(raw, f)
			}
		}
		if nc = Below(nc); nc == nil {
			break
		}
	}
	return errNoSocket
}

func control(raw syscall.RawConn, f func(fd uintptr)) error {
	valid := false
	err := raw.Control(func(fd uintptr) {
		if fd > math.MaxInt32 { // -1, for instance
			return
		}
		if _, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err != nil {
			return // so the poller's table grows no further than the kernel's
		}
		valid = true
		f(fd)
	})
	if err == nil && !valid {
		return errNoSocket
	}
	return err
}

// watches says that this system has a watcher of sockets.
const watches = true

// hasSocket reports whether a socket was found that is open.
func (c *Conn) hasSocket() bool { return c.control(func(uintptr) {}) == nil }

// askSocket asks the socket now. Unknown: there is none.
func (c *Conn) askSocket() State {
	s := Unknown
	err := c.control(func(fd uintptr) { s = poll(int(fd)) })
	if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) {
		return Local
	}
	return s
}

// unreadSocket is Unread of a socket, false if there is none.
func (c *Conn) unreadSocket() (n int, ok bool) {
	err := c.control(func(fd uintptr) {
		var err error
		if n, err = unix.IoctlGetInt(int(fd), fionread); err != nil {
			n = 0
		}
	})
	return n, err == nil
}
