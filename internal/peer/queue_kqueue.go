//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package peer

import (
	"os"

	"golang.org/x/sys/unix"
)

// queue is a kqueue. It cannot be put into nonblocking mode, so os.NewFile does
// not hand it to Go's own poller: waiting blocks one thread.
type queue struct {
	fd     int
	events [128]unix.Kevent_t // touched by wait alone
}

func newQueue() (*queue, error) {
	fd, err := unix.Kqueue()
	if err != nil {
		return nil, os.NewSyscallError("kqueue", err)
	}
	unix.CloseOnExec(fd)
	return &queue{fd: fd}, nil
}

// keyOf returns the key of a registration: the descriptor, because the kernel's
// user data is a Go pointer in x/sys/unix and cannot carry a number. The
// descriptor may have a new owner when its event is delivered, so an event is
// never believed: the socket is asked each time.
func keyOf(fd uintptr, _ uint32) uint64 { return uint64(fd) }

// add registers fd until it is closed. EV_CLEAR tells the end once. The low
// water mark is one that no buffer reaches, so that pipelined bytes and request
// bodies do not wake anyone; the end of the stream does not look at it.
func (q *queue) add(fd uintptr, _ uint64) error {
	ev := change(int(fd), unix.EVFILT_READ)
	ev.Flags |= unix.EV_CLEAR
	ev.Fflags = unix.NOTE_LOWAT
	ev.Data = 1 << 30
	_, err := unix.Kevent(q.fd, []unix.Kevent_t{ev}, nil, nil)
	return os.NewSyscallError("kevent", err)
}

// wait waits for events and calls deliver for each.
func (q *queue) wait(deliver func(key uint64, s State)) error {
	n, err := unix.Kevent(q.fd, nil, q.events[:], nil)
	if err != nil && err != unix.EINTR {
		return os.NewSyscallError("kevent", err)
	}
	for i := range max(n, 0) {
		deliver(uint64(q.events[i].Ident), Unknown)
	}
	return nil
}

// poll asks one socket. poll(2) does not tell a FIN on all of these systems, a
// kqueue of its own does, and leaves a pending error where it is.
func poll(fd int) State {
	kq, err := unix.Kqueue()
	if err != nil {
		return Unknown
	}
	defer unix.Close(kq)
	changes := []unix.Kevent_t{change(fd, unix.EVFILT_READ), change(fd, unix.EVFILT_WRITE)}
	var events [2]unix.Kevent_t
	n, err := unix.Kevent(kq, changes, events[:], &unix.Timespec{})
	if err != nil {
		return Unknown
	}
	s, ends := Alive, 0
	for _, ev := range events[:n] {
		switch {
		case ev.Flags&unix.EV_ERROR != 0:
			return Unknown
		case ev.Flags&unix.EV_EOF == 0:
			continue
		case ev.Fflags != 0:
			return Reset
		case ev.Filter == unix.EVFILT_READ:
			s = Closed
		}
		ends++
	}
	if ends == len(changes) { // neither way, though a Read took the error
		return Reset
	}
	return s
}

// change returns the wish to hear from filter about fd.
func change(fd, filter int) unix.Kevent_t {
	var ev unix.Kevent_t
	unix.SetKevent(&ev, fd, filter, unix.EV_ADD)
	return ev
}

// fionread asks for the size of the receive queue. x/sys/unix has no name for
// it; it is _IOR('f', 127, int) on all of these systems.
const fionread = 0x4004667f
