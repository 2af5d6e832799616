package request

import "time"

// pastDeadline reports whether a deadline has passed that net/http takes for the end
// of the client: on HTTP/1 one that the handler set for reading, on HTTP/2 one
// for writing. A timeout that a call of the handler meets is told by the error of
// that call. The server's own read deadline does not count on HTTP/1: net/http lifts
// it before it listens for the client's end.
func (r *Request) pastDeadline() bool {
	if r.noted(deadlinePassed) {
		return true
	}
	r.mu.Lock()
	set := r.pastDeadlineLocked(time.Now())
	r.mu.Unlock()
	srv := r.server()
	if set || srv == nil || r.http1() {
		return set
	}
	return r.mayHavePassed(srv.WriteTimeout) // the server's clock started with the stream
}

// mayHavePassed reports whether a timeout of the server's may have, 0 being none. Its
// clock began before that of the request, nobody knows how long: the handlers around
// lastbyte have taken their time, and the processors may have been busy. A quarter of
// the timeout is allowed for that, and a second at most.
func (r *Request) mayHavePassed(timeout time.Duration) bool {
	return timeout > 0 && r.Age()+min(timeout/4, time.Second) >= timeout
}

// pastDeadlineLocked reports whether such a deadline of the handler's has passed.
func (r *Request) pastDeadlineLocked(now time.Time) bool {
	x := r.madeLocked()
	if x == nil {
		return false
	}
	t := x.readBy
	if !r.http1() {
		t = x.writeBy
	}
	return !t.IsZero() && !now.Before(t)
}

// setDeadline notes a deadline of the handler's. The one that it replaces may have
// passed, and ended net/http's context. On HTTP/1 only its reader does that, which
// listens once the request body has been read.
func (r *Request) setDeadline(t time.Time, of func(*extra) *time.Time) {
	ended := !r.http1() || !r.bodyUnread() || r.node.Parent().Err() != nil
	r.mu.Lock()
	defer r.mu.Unlock()
	if ended && r.pastDeadlineLocked(time.Now()) {
		r.note(deadlinePassed)
	}
	*of(r.extraLocked()) = t
}

// writeOverdue reports whether a deadline for writing has passed, the handler's or
// the server's, whose clock started when the request had been read.
func (r *Request) writeOverdue() bool {
	r.mu.Lock()
	var t time.Time
	if x := r.madeLocked(); x != nil {
		t = x.writeBy
	}
	r.mu.Unlock()
	if !t.IsZero() {
		return !time.Now().Before(t)
	}
	srv := r.server()
	return srv != nil && r.mayHavePassed(srv.WriteTimeout)
}

// readTimeoutPassed reports whether the server's ReadTimeout may have passed. Its
// clock started before the header was read, which nobody has timed.
func (r *Request) readTimeoutPassed() bool {
	srv := r.server()
	if srv == nil || srv.ReadTimeout <= 0 {
		return false
	}
	header := srv.ReadHeaderTimeout
	if header <= 0 {
		header = srv.ReadTimeout
	}
	return header >= srv.ReadTimeout || r.mayHavePassed(srv.ReadTimeout-header)
}
