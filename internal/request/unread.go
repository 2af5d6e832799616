package request

import (
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

// respondBeforeBody lets a response out ahead of the rest of the request body.
// Before net/http sends the header of an HTTP/1 response, it reads what is left of
// the body, up to 256 KB, however long that takes.
//
// What has arrived is read here. If that was all of the body, the connection is kept;
// else it is closed after the response. EnableFullDuplex does not help: with it net/http
// reads the rest when the handler has returned, and takes what it could not read of a
// body for the next request (golang/go#68560 has the milder case).
func (r *Request) respondBeforeBody() {
	if !r.waitsForBody() || !r.w.gate.Enter() { // closed if Send comes after the end, behind a handler that did not wait
		return
	}
	defer r.w.gate.Leave(r)
	if _, known := nethttp.Server(r.w.wrapped); known == nethttp.Unknown {
		if nethttp.HasReadDeadline(r.w.wrapped) {
			r.w.wrapped.Header().Set("Connection", "close")
		}
		return
	}
	switch {
	case r.body.gate.Busy():
		r.interruptRead() // a read is under way, which another would have to wait for
	case !r.noted(noReuse) && !nethttp.AtEnd(r.in):
		r.readArrived()
	}
	if r.noted(noReuse) && !nethttp.CloseAfterResponse(r.w.wrapped) {
		r.w.wrapped.Header().Set("Connection", "close") // it comes too late after WriteHeader
	}
}

// waitsForBody reports whether net/http would read the rest of the request body
// before it sends the header.
func (r *Request) waitsForBody() bool {
	if !r.http1() || !r.bodyUnread() || r.overtaken() || r.noted(flushed) || r.size.Load() > nethttp.BufferSize {
		return false // where the header is out, net/http has dealt with the body
	}
	// With Expect net/http does not read here, and closes the connection unless all
	// was read. A read would ask the client for the body.
	in := r.in
	return in.Header.Get("Expect") == "" || !in.ProtoAtLeast(1, 1)
}

// readArrived reads the rest of the request body, as far as it has arrived and
// as net/http would read it. It sets bodyRead if that was all, and else noReuse.
//
// No deadline may be set before the read: a layer around lastbyte may have read
// the body to its end, and then the deadline would end net/http's wait for the
// next request. So a timer that is due at once interrupts a read that waits for
// the client. One that waits for the processor, not for the client, is given a
// moment; where that is misjudged, the connection is closed without need.
func (r *Request) readArrived() {
	var reads atomic.Int64 // that have returned; negative: all have
	over := make(chan struct{})
	timer := time.AfterFunc(0, func() {
		defer close(over)
		if stuck(&reads) {
			r.interruptRead()
		}
	})
	rest := io.LimitedReader{R: &countedReader{r.in.Body, &reads}, N: nethttp.MaxUnread + 1}
	_, err := io.Copy(io.Discard, &rest)
	reads.Store(-1)
	if !timer.Stop() {
		<-over
	}
	switch {
	case errors.Is(err, http.ErrBodyReadAfterClose):
		// Read to its end, or net/http knows better.
	case err == nil && rest.N > 0:
		r.note(bodyRead)
	default:
		r.interruptRead()
		r.note(noReuse)
	}
}

// stuck waits until no read has returned for about a millisecond, and reports
// true, or until all have, and reports false. In a bubble of testing/synctest the
// clock stands still while a goroutine runs, and a timer would move it; there stuck
// yields to other goroutines instead. One of them may be on a thread that the
// operating system has stopped. To stop the world, as ReadMemStats does, the
// runtime has to wait until each such thread has run on. A goroutine whose thread is only
// about to be woken proves nothing by that, so the rounds take as long, some 15 ms, as a
// busy machine may take to wake it.
func stuck(reads *atomic.Int64) bool {
	const rounds = 300
	for n, quiet := int64(0), 0; quiet < rounds; quiet++ {
		begin := time.Now()
		for range 100 {
			runtime.Gosched()
		}
		switch bubble := time.Since(begin) == 0; {
		case reads.Load() != n:
		case bubble:
			runtime.ReadMemStats(new(runtime.MemStats))
		default:
			time.Sleep(time.Millisecond)
			quiet = rounds
		}
		switch now := reads.Load(); {
		case now < 0:
			return false
		case now > n:
			n, quiet = now, 0
		}
	}
	return true
}

// countedReader counts the reads that have returned.
type countedReader struct {
	io.Reader
	n *atomic.Int64
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(1)
	return n, err
}

// interruptRead makes a read of the request body return that waits for the
// client, and every later one fail, by a read deadline in the past. The caller
// is inside the writer's gate, or is the serving goroutine.
//
// The deadline stays, so that net/http's own close of the body, at the end of
// the request, fails at once instead of waiting for the client. net/http ignores
// that failure, keeps the connection, and would read the rest of the body as the
// next request. And if the body has just been read to its end, the deadline
// ends net/http's wait for the next request instead, and with it the context of
// the whole connection. For both reasons no connection with such a deadline may
// serve another request: noted here, acted on in endLease.
//
// Where the body is known to be read to its end no read can wait for the client,
// and there is no deadline.
func (r *Request) interruptRead() {
	if !r.bodyUnread() || r.hasAny(lifecycle.Hijacked) || r.overtaken() {
		return
	}
	var err error
	if !r.w.ownHTTP1() || !r.ownConn(func(nc net.Conn) { err = nc.SetReadDeadline(conn.Past) }) {
		err = http.NewResponseController(r.w.wrapped).SetReadDeadline(conn.Past)
	}
	if err == nil { // unsupported: the read has to end by itself
		r.note(noReuse)
	}
}

// endLease keeps an HTTP/1 connection on which a read was interrupted, or the
// response cut, from serving another request. It runs on the serving goroutine
// when the gates are closed, so nobody else is at the writer, and every
// interruptRead is over. It reports whether only a panic can still stop net/http.
func (r *Request) endLease() (stop bool) {
	// Behind a response that is shorter than it said net/http keeps no connection; an
	// orderly close would undo what cutShort has done.
	if !r.noted(noReuse) || r.truncated() || !r.http1() || r.overtaken() || nethttp.CloseAfterResponse(r.w.wrapped) || r.uncuttable() {
		return false
	}
	r.mu.Lock()
	x := r.rare
	r.mu.Unlock()
	if x != nil && x.byHandle {
		// Nothing more can be sent on it. When net/http closes it, too, that fails, and
		// net/http ignores it.
		r.ownConn(func(nc net.Conn) { _ = nc.Close() })
		return false
	}
	// Behind a wrapper that passes deadlines on, but hides net/http's writer.
	if !r.hasAny(lifecycle.Committed) {
		r.w.wrapped.Header().Set("Connection", "close")
		return false
	}
	_ = http.NewResponseController(r.w.wrapped).Flush() // the response is whole but for its end
	return true
}
