package peer

import "golang.org/x/sys/unix"

// KeyOf is what an event is known by.
var KeyOf = keyOf

// Registered returns how many connections the poller knows.
func Registered() int {
	shared.mu.Lock()
	p := shared.p
	shared.mu.Unlock()
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, c := range p.conns {
		if c.Value() != nil {
			n++
		}
	}
	return n
}

// BreakPoller closes the queue under the poller and returns how to ask whether
// the poller has given up.
func BreakPoller() (gone func() bool) {
	shared.mu.Lock()
	p := shared.p
	shared.mu.Unlock()
	p.queue.file.Close()
	return func() bool {
		shared.mu.Lock()
		defer shared.mu.Unlock()
		return shared.p != p
	}
}

// Queue is an epoll instance with the same interest as the poller's, and nobody
// waiting at it.
type Queue struct{ q *queue }

// NewQueue returns a Queue that knows the socket of c.
func NewQueue(c *Conn) (*Queue, error) {
	q, err := newQueue()
	if err != nil {
		return nil, err
	}
	var aerr error
	if err := c.control(func(fd uintptr) { aerr = q.add(fd, 1<<40|7) }); err != nil {
		return nil, err
	}
	return &Queue{q}, aerr
}

// Pending returns the key and the bits of a waiting event, or zeros.
func (q *Queue) Pending() (key uint64, s State) {
	if n, _ := unix.EpollWait(q.q.fd, q.q.events[:], 0); n == 0 {
		return 0, Unknown
	}
	ev := q.q.events[0]
	return uint64(uint32(ev.Fd)) | uint64(uint32(ev.Pad))<<32, judge(ev.Events)
}

// Close ends the queue.
func (q *Queue) Close() error { return q.q.file.Close() }

// AwaitBits blocks until the socket of c shows one of the poll(2) bits, and
// returns all that it shows.
func AwaitBits(c *Conn, bits int16) (got int16, err error) {
	cerr := c.control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: bits}}
		for {
			if _, err = unix.Poll(fds, -1); err != unix.EINTR {
				got = fds[0].Revents
				return
			}
		}
	})
	if cerr != nil {
		return 0, cerr
	}
	return got, err
}
