package pipenet

import (
	"io"
	"net"
)

// Teller is a Conn that says how its other end has left, as a socket does when the
// kernel is asked. lastbyte takes its word, see docs/aborts.md; of a bare Conn it
// knows nothing, as of a net.Pipe.
type Teller struct{ *Conn }

// PeerEnd returns how many bytes have arrived that nobody has read, whether a Write
// waits for the other end to read, and how that end has ended the connection: nil
// while it is there, io.EOF after its Close or CloseWrite, ECONNRESET after its Reset
// or when a Write has found that it is closed. It is net.ErrClosed if this end was
// closed before any of that.
func (t Teller) PeerEnd() (unread int, stuck bool, err error) {
	t.out.mu.Lock()
	stuck = t.out.writing && len(t.out.buf) == t.out.window
	t.out.mu.Unlock()
	t.in.mu.Lock()
	defer t.in.mu.Unlock()
	return len(t.in.buf), stuck, t.in.gone
}

// NotifyPeerEnd has notify called after each change of PeerEnd's error, in place of an
// earlier notify. It is called on the goroutine that ends the connection, and no lock
// is held.
func (t Teller) NotifyPeerEnd(notify func()) {
	t.in.mu.Lock()
	defer t.in.mu.Unlock()
	t.in.notify = notify
}

// endLocked notes how f has ended for its reader. What the writer's end did stays
// true when the reader closes; only a reset takes the place of io.EOF.
func (f *flow) endLocked(err error) {
	if f.gone == nil || f.gone == io.EOF && err == errReset {
		f.gone = err
	}
}

// end is endLocked for callers that do not hold the mutex.
func (f *flow) end(err error) {
	f.mu.Lock()
	defer f.unlockAndNotify(f.gone)
	f.endLocked(err)
}

// unlockAndNotify unlocks, and says so if f has ended for its reader in another way
// than before. A deferred call takes before as it is when the mutex has been locked.
func (f *flow) unlockAndNotify(before error) {
	notify := f.notify
	changed := f.gone != before && f.gone != net.ErrClosed
	f.mu.Unlock()
	if changed && notify != nil {
		notify()
	}
}
