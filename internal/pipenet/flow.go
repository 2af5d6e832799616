package pipenet

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// flow carries bytes one way through a pipe: one end writes, the other reads.
type flow struct {
	window int // most bytes on their way; set at birth

	mu      sync.Mutex
	change  *sync.Cond // of mu; broadcast whenever something below changes
	buf     []byte
	writing bool // a Write owns the flow, others wait for it to finish
	wclosed bool // the writing end has ended the flow
	rclosed bool // the reading end has closed
	reset   bool // one of the two ends has reset the connection
	hushed  bool // the reading end is about to: nothing is written any more
	wlimit  limit
	rlimit  limit

	gone   error  // how the flow ended for its reader, see Teller.PeerEnd
	notify func() // called without the mutex when gone changes; nil: nobody asked
}

// limit is a deadline. The mutex of its flow guards it.
type limit struct {
	timer  *time.Timer // nil: none is running
	passed bool
}

func newFlow(window int) *flow {
	f := &flow{window: window}
	f.change = sync.NewCond(&f.mu)
	return f
}

// read waits for bytes, the end of the flow or a failure. As on a socket, a
// deadline that has passed hides bytes that are there.
func (f *flow) read(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		switch {
		case f.rclosed:
			return 0, net.ErrClosed
		case f.rlimit.passed:
			return 0, os.ErrDeadlineExceeded
		case f.reset:
			return 0, errReset
		case len(b) == 0:
			return 0, nil
		case len(f.buf) > 0:
			n := copy(b, f.buf)
			f.buf = f.buf[n:]
			f.change.Broadcast()
			return n, nil
		case f.wclosed:
			return 0, io.EOF
		}
		f.change.Wait()
	}
}

// write puts all of b into the flow, waiting for the reader where the window
// is full. Writes at once are put in one after the other, never mixed.
func (f *flow) write(b []byte) (n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	mine := false
	defer func() {
		if mine {
			f.writing = false
			f.change.Broadcast()
		}
	}()
	for {
		switch {
		case f.wclosed:
			return n, net.ErrClosed
		case f.wlimit.passed:
			return n, os.ErrDeadlineExceeded
		case f.reset, f.hushed:
			return n, errReset
		case f.rclosed:
			return n, errPipe
		}
		if mine || !f.writing {
			mine, f.writing = true, true
			room := min(f.window-len(f.buf), len(b)-n)
			if room > 0 {
				f.buf = append(f.buf, b[n:n+room]...)
				n += room
				f.change.Broadcast()
			}
			if n == len(b) {
				return n, nil
			}
		}
		f.change.Wait()
	}
}

// closeWrite ends the flow from the writing end: the reader gets what is on
// its way and then io.EOF. It reports false if that has happened before.
func (f *flow) closeWrite() bool {
	f.mu.Lock()
	defer f.unlockAndNotify(f.gone)
	if f.wclosed {
		return false
	}
	f.wclosed = true
	f.wlimit.stop()
	f.endLocked(io.EOF)
	f.change.Broadcast()
	return true
}

// closeRead ends the flow from the reading end: what is on its way is lost
// and the writer fails. It reports false if that has happened before.
func (f *flow) closeRead() bool {
	f.mu.Lock()
	defer f.unlockAndNotify(f.gone)
	if f.rclosed {
		return false
	}
	f.rclosed, f.buf = true, nil
	f.rlimit.stop()
	f.endLocked(net.ErrClosed)
	f.notify = nil // whoever asked to be told is not kept by the writer's end
	f.change.Broadcast()
	return true
}

// cut resets the flow: both ends fail from now on, what is on its way is lost. err is
// how it ended for its reader: net.ErrClosed if that is who has reset it.
func (f *flow) cut(err error) {
	f.mu.Lock()
	defer f.unlockAndNotify(f.gone)
	f.reset, f.buf = true, nil
	f.endLocked(err)
	f.change.Broadcast()
}

// hush has every write fail from now on. What is on its way is lost, and a read waits.
func (f *flow) hush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hushed, f.buf = true, nil
	f.change.Broadcast()
}

// setLimit moves l, which is one of f's two deadlines, to t. The zero time
// takes it away.
func (f *flow) setLimit(l *limit, t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l.stop()
	if wait := time.Until(t); t.IsZero() || wait <= 0 {
		l.passed = !t.IsZero()
	} else {
		var timer *time.Timer
		timer = time.AfterFunc(wait, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			if l.timer != timer {
				return // moved while this goroutine waited for the lock
			}
			l.passed = true
			f.change.Broadcast()
		})
		l.timer = timer
	}
	f.change.Broadcast()
}

// setReadLimit is setLimit for the reading end, false once that is closed.
func (f *flow) setReadLimit(t time.Time) bool {
	f.mu.Lock()
	closed := f.rclosed
	f.mu.Unlock()
	if !closed {
		f.setLimit(&f.rlimit, t)
	}
	return !closed
}

// stop puts l into the state without a deadline. The flow's mutex is held.
func (l *limit) stop() {
	if l.timer != nil {
		l.timer.Stop()
	}
	*l = limit{}
}
