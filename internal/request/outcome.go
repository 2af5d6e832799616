package request

import (
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/work"
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

	start time.Duration // on the clock of work.Now
}

// Start is when the outermost middleware got the request.
func (o Outcome) Start() time.Time { return work.Date(o.start) }

// Ended is when the response ended, on the clock of work.Now.
func (o *Outcome) Ended() time.Duration { return o.start + o.Duration }

// A Clock dates outcomes. To look at the system's clock for each of them would cost more
// than all else that is done for an observer.
type Clock struct{ seen atomic.Pointer[sighting] }

// sighting is a time, and what the clock of work.Now said then.
type sighting struct {
	at   time.Time
	here time.Duration
}

// Start is o.Start() for a request whose response has ended just now. It follows a system's
// clock that was set in between within a second.
func (c *Clock) Start(o *Outcome) time.Time {
	s := c.seen.Load()
	if ended := o.Ended(); s == nil || ended < s.here || ended-s.here >= time.Second {
		at := time.Now()
		s = &sighting{at, work.At(at)}
		c.seen.Store(s)
	}
	return s.at.Add(o.start - s.here)
}

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
		if m := x.extra; m != nil {
			o.Attrs = slices.Clone(m.attrs)
		}
		broken = x.panicked || x.broken
		o.Cut = x.broken && !s.HasAny(lifecycle.ClientGone)
	}
	o.say(s, broken)
	if x := r.rare; x != nil {
		o.Panicked = o.Panicked || x.late
	}
	return o
}

// endOutcomeLocked is outcomeLocked at the end of the response. doneTells: what the
// handler has come to since is for Observer.Done.
func (r *Request) endOutcomeLocked(doneTells bool) Outcome {
	o := r.outcomeLocked()
	if doneTells && r.rare != nil {
		o.Panicked = r.rare.panicked
	}
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
	case s.HasAny(lifecycle.Committed), s.HasAny(lifecycle.Ended) && !s.HasAny(lifecycle.Dropping|lifecycle.ClientGone) && !broken:
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
