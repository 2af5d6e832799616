package request

import (
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
)

// Outcome is how a request ended, or stands; middleware.Outcome documents it.
type Outcome struct {
	Status, Sent       int
	Bytes              int64
	Duration           time.Duration
	Exit               *Exit
	Abort              error
	EOF                time.Duration
	Hijacked, Panicked bool
	Worked             time.Duration // to the end of a handler that outlived the response
	Attrs              []slog.Attr
	Cut                bool // the handler broke the response off, and not because the client had left

	start time.Duration // on this package's clock
}

// Start is when the outermost middleware got the request.
func (o Outcome) Start() time.Time { return date(o.start) }

// Outcome may be called at any time.
func (r *Request) Outcome() Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.outcomeLocked()
}

func (r *Request) outcomeLocked() Outcome {
	s := r.state.Load()
	o := Outcome{
		Status: int(r.w.status), Bytes: r.size.Load(), start: r.start,
		Duration: r.duration, Hijacked: s.HasAny(lifecycle.Hijacked),
	}
	if d := r.det.Load(); d != nil {
		o.EOF, o.Worked = d.eof, d.worked
	}
	if !s.HasAny(lifecycle.Ended) || r.cfg.Load().Observer == nil {
		o.Duration = r.Age()
	}
	broken := false
	if x := r.rare; x != nil {
		o.Exit, o.Abort, o.Panicked = x.exit, x.abort, x.panicked
		o.Attrs = slices.Clone(x.attrs)
		broken = x.panicked || x.broken
		o.Cut = x.broken && !s.HasAny(lifecycle.ClientGone)
	}
	o.say(s, broken)
	return o
}

// say sets Sent, and Status where it is not the one that was recorded. broken: a
// panic has ended the response.
func (o *Outcome) say(s lifecycle.State, broken bool) {
	recorded := o.Status
	switch {
	case o.Hijacked:
		o.Status = http.StatusSwitchingProtocols
		if s.HasAny(lifecycle.Committed) {
			o.Sent = recorded
		}
	case s.HasAny(lifecycle.Unsent): // nothing reaches a client that is gone; the callback's exit says what it came to
		if o.Exit != nil {
			o.Status = max(o.Exit.Code, 0)
		}
	case s.HasAny(lifecycle.Committed), s.HasAny(lifecycle.Ended) && !s.HasAny(lifecycle.Dropping) && !broken:
		o.Sent = recorded
	case o.Panicked && !s.Replaced():
		o.Status = http.StatusInternalServerError
	}
}

// Status is the recorded status, 0 before there is one.
func (r *Request) Status() int { return r.Outcome().Status }

// HTTP is the request that the outermost lastbyte middleware was given.
func (r *Request) HTTP() *http.Request { return r.in }

// Exited is the exit of the request, nil if there is none.
func (r *Request) Exited() *Exit {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rare == nil {
		return nil
	}
	return r.rare.exit
}
