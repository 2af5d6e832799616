//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package peer

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"weak"
)

// maxWrappers bounds the search for the socket, in case a wrapper names itself.
const maxWrappers = 16

// errNoSocket is why a connection cannot be asked: there is no descriptor.
var errNoSocket = errors.New("peer: no socket")

// poller finds the Conn that an event of the kernel's queue belongs to. There
// is one per process; it is never closed.
type poller struct {
	queue *queue

	mu sync.Mutex

	// conns holds nothing alive: a Conn that its owner forgot is collected, and
	// its cleanup removes the entry.
	conns map[uint64]weak.Pointer[Conn]
	last  uint64 // number of registrations ever made
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
		shared.p = &poller{queue: q, conns: make(map[uint64]weak.Pointer[Conn])}
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

// deliver tells the Conn registered under key, if it still exists. Unknown
// means that the event does not say enough: the socket is asked.
func (p *poller) deliver(key uint64, s State) {
	p.mu.Lock()
	c := p.conns[key].Value()
	p.mu.Unlock()
	if c == nil {
		return
	}
	if s == Unknown {
		s = c.ask()
	}
	c.event(s)
}

// add enters c, whose descriptor is fd, which must stay open meanwhile.
func (p *poller) add(fd uintptr, c *Conn) error {
	w := weak.Make(c)
	p.mu.Lock()
	p.last++
	key := keyOf(fd, p.last)
	p.conns[key] = w // first: the event may come before queue.add returns
	p.mu.Unlock()
	if err := p.queue.add(fd, key); err != nil {
		p.remove(entry{key, w})
		return err
	}
	runtime.AddCleanup(c, p.remove, entry{key, w})
	return nil
}

// entry is what the cleanup of a Conn needs to know.
type entry struct {
	key uint64
	c   weak.Pointer[Conn]
}

// remove forgets e, unless its key has a new owner.
func (p *poller) remove(e entry) {
	p.mu.Lock()
	if p.conns[e.key] == e.c {
		delete(p.conns, e.key)
	}
	p.mu.Unlock()
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

// control calls f with the descriptor of c, which stays open while f runs.
func (c *Conn) control(f func(fd uintptr)) error {
	nc := c.nc
	for range maxWrappers {
		if sc, ok := nc.(syscall.Conn); ok {
			if raw, err := sc.SyscallConn(); err == nil {
				return raw.Control(f)
			}
		}
		outer, ok := nc.(interface{ NetConn() net.Conn }) // tls.Conn and its like
		if !ok {
			break
		}
		nc = outer.NetConn()
	}
	return errNoSocket
}

// ask asks the socket now, without regard to what events told.
func (c *Conn) ask() State {
	s := Unknown
	err := c.control(func(fd uintptr) { s = poll(int(fd)) })
	if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) {
		return Local
	}
	return s
}
