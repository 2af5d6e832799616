package peer

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// interest is what an event is wanted for. Not EPOLLIN: pipelined bytes and
// request bodies must not wake anyone. ERR and HUP come unasked. EPOLLET: the
// end of a connection stays true, it must be told once.
const interest = unix.EPOLLRDHUP | unix.EPOLLET

// queue is an epoll instance that Go's own poller watches, so that waiting
// blocks a goroutine and no thread.
type queue struct {
	fd     int
	file   *os.File // owns fd
	raw    syscall.RawConn
	events [128]unix.EpollEvent // touched by wait alone
}

func newQueue() (*queue, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	// os.NewFile hands over to Go's poller only what does not block.
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	q := &queue{fd: fd, file: os.NewFile(uintptr(fd), "epoll")}
	// The one question that tells whether Go's poller took it.
	if err := q.file.SetReadDeadline(time.Time{}); err != nil {
		q.file.Close()
		return nil, err
	}
	q.raw, err = q.file.SyscallConn()
	return q, err
}

// keyOf returns what the events of fd carry: beside the descriptor a number that
// changes with each owner of it, so an event for a closed socket cannot reach the
// next one.
func keyOf(fd uintptr, n uint32) uint64 { return uint64(n)<<32 | uint64(uint32(fd)) }

// add registers fd until it is closed. The kernel already having it means that
// another Conn asked about the same open socket: the later one gets the events.
func (q *queue) add(fd uintptr, key uint64) error {
	ev := unix.EpollEvent{Events: interest, Fd: int32(key), Pad: int32(key >> 32)}
	err := unix.EpollCtl(q.fd, unix.EPOLL_CTL_ADD, int(fd), &ev)
	if err == unix.EEXIST {
		err = unix.EpollCtl(q.fd, unix.EPOLL_CTL_MOD, int(fd), &ev)
	}
	return os.NewSyscallError("epoll_ctl", err)
}

// wait waits for events and calls deliver for each.
func (q *queue) wait(deliver func(key uint64, s State)) error {
	var n int
	var werr error
	// Read arms Go's poller before it calls the function the first time, and
	// that takes what came earlier: no event is lost in between.
	rerr := q.raw.Read(func(fd uintptr) bool {
		for {
			n, werr = unix.EpollWait(int(fd), q.events[:], 0)
			if werr != unix.EINTR {
				return n > 0 || werr != nil
			}
		}
	})
	if err := errors.Join(rerr, os.NewSyscallError("epoll_wait", werr)); err != nil {
		return err
	}
	for _, ev := range q.events[:n] {
		deliver(uint64(uint32(ev.Fd))|uint64(uint32(ev.Pad))<<32, judge(ev.Events))
	}
	return nil
}

// judge reads the bits of epoll or poll, which are the same. HUP means that
// both directions are gone. It is looked at alone: a Read may have taken the
// error of an RST, which clears ERR, and ERR without HUP is a live connection
// with something in its error queue, a timestamp of a sent packet for instance.
func judge(bits uint32) State {
	switch {
	case bits&unix.EPOLLHUP != 0:
		return Reset
	case bits&unix.EPOLLRDHUP != 0:
		return Closed
	}
	return Alive
}

// poll asks one socket. poll(2) consumes nothing, while MSG_PEEK and SO_ERROR
// take a pending reset away from the Read that should meet it.
func poll(fd int) State {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	for {
		_, err := unix.Poll(fds, 0)
		switch {
		case err == nil:
			return judge(uint32(fds[0].Revents))
		case err != unix.EINTR:
			return Unknown
		}
	}
}

// fionread asks for the size of the receive queue, a FIN at its end not counted.
const fionread = unix.TIOCINQ
