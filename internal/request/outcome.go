package request

import (
	"net/http"
	"time"
)

// Outcome is how a request ended, or stands; middleware.Outcome documents it.
type Outcome struct {
	Status, Sent       int
	Bytes              int64
	Start              time.Time
	Duration           time.Duration
	Exit               *Exit
	Abort              error
	EOF                time.Duration
	Hijacked, Panicked bool
}

// Outcome may be called at any time.
func (r *Request) Outcome() Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state.Load()
	o := Outcome{
		Status: r.status, Bytes: r.size.Load(), Start: r.start,
		Duration: r.duration, EOF: r.eof, Hijacked: s&hijacked != 0,
	}
	if s&ended == 0 {
		o.Duration = time.Since(r.start)
	}
	if x := r.extra; x != nil {
		o.Exit, o.Abort, o.Panicked = x.exit, x.abort, x.panicked
	}
	switch {
	case o.Hijacked:
		o.Status = http.StatusSwitchingProtocols
		if s&committed != 0 {
			o.Sent = r.status
		}
	case s&committed != 0 || s&ended != 0 && s&dropping == 0 && !o.Panicked:
		o.Sent = r.status
	case o.Panicked && s&winnerMask != exited && s&winnerMask != aborted:
		o.Status = http.StatusInternalServerError
	}
	return o
}

// Endings is the part of the Outcome that is counted.
func (r *Request) Endings() (exit, abort, eof bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x := r.extra; x != nil {
		exit, abort = x.exit != nil, x.abort != nil
	}
	return exit, abort, r.eof > 0
}

// Status is the recorded status, 0 before there is one.
func (r *Request) Status() int { return r.Outcome().Status }

// HTTP is the request that the outermost lastbyte middleware was given.
func (r *Request) HTTP() *http.Request { return r.body.from }

// ExitCode gives the code that the request exited with.
func (r *Request) ExitCode() (int, bool) {
	if e := r.exit(); e != nil {
		return e.Code, true
	}
	return 0, false
}
