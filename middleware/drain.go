package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// drain is one call of Serve, and its end. Its goroutine is the one that has called
// Serve.
type drain struct {
	l      *Lifecycle
	srv    *http.Server
	server *server
	begun  int        // server.begun before
	served chan error // what net/http's Serve has returned
	over   bool       // that was received

	began time.Time
	errs  []error // what was given up
}

// at is the moment when a part of Grace is over.
func (d *drain) at(part float64) time.Time {
	return d.began.Add(time.Duration(float64(d.l.grace) * part))
}

// drain is the whole of docs/shutdown.md.
func (d *drain) drain() error {
	l := d.l
	d.began = time.Now()
	grace, cancel := context.WithDeadline(context.Background(), d.at(1))
	defer cancel()
	l.servers.drainBegins()
	defer l.servers.drainEnds()

	d.lag()
	told := time.AfterFunc(time.Until(d.at(0.5)), func() { l.servers.tell(d.server) })
	defer told.Stop()
	d.requests(grace)
	if !l.servers.leave(d.server) {
		return errors.Join(d.errs...)
	}
	d.background(grace)
	l.servers.tell(d.server) // nobody is left to hear it; the contexts are released
	d.note(l.lastly(grace))
	return errors.Join(d.errs...)
}

func (d *drain) note(err error) {
	if err != nil {
		d.errs = append(d.errs, err)
	}
}

// lag goes on serving for as long as load balancers may send requests.
func (d *drain) lag() {
	if d.over || d.l.lag == 0 {
		return
	}
	t := time.NewTimer(d.l.lag)
	defer t.Stop()
	select {
	case <-t.C:
	case err := <-d.served:
		d.over = true
		d.note(unlessClosed(err))
	}
}

// requests waits for the requests, and cuts those that take too long.
func (d *drain) requests(grace context.Context) {
	until, cancel := context.WithDeadline(grace, d.at(0.75))
	defer cancel()
	d.l.servers.remove(d.l, d.server) // net/http would say so a little later
	err := d.srv.Shutdown(until)
	if err == nil {
		err = d.leftBehind(until)
	}
	if err == nil || until.Err() == nil {
		d.note(err) // of closing a listener
	} else {
		d.cut(grace, err)
	}
	if !d.over {
		d.over = true
		d.note(unlessClosed(<-d.served))
	}
}

// leftBehind waits for handlers that net/http does not wait for: that of an HTTP/2 stream
// which the client has reset, and all of them once somebody has called Server.Close. They,
// too, use what Options.Last is about to close.
func (d *drain) leftBehind(until context.Context) error {
	left, _ := d.atWork()
	if len(left) == 0 {
		return nil
	}
	d.l.endings.wait(until, left)
	if left, _ = d.atWork(); len(left) == 0 {
		return nil
	}
	return until.Err()
}

// cut cuts the connections that are left, and waits for their handlers: they use what
// Options.Last is about to close.
func (d *drain) cut(grace context.Context, err error) {
	left, names := d.atWork()
	if len(left) == 0 {
		names = "connections that were not idle"
	}
	d.note(fmt.Errorf("middleware: shutdown cut off %s: %w", names, err))
	d.note(d.srv.Close())
	until, cancel := context.WithDeadline(grace, d.at(0.9))
	defer cancel()
	d.l.endings.wait(until, left)
}

// maxNames is how many requests an error names.
const maxNames = 10

// atWork gives the requests that srv serves, but for hijacked ones, and says which
// they are.
func (d *drain) atWork() (left []*request.Request, names string) {
	var text []string
	for r, f := range d.l.working.all() {
		if r.Server() != d.srv || r.Ended() || r.Outcome().Hijacked {
			continue
		}
		left = append(left, r)
		if len(left) > maxNames {
			continue
		}
		route := f.route
		if route == "" {
			route = work.Quoted(f.path) // the client's word
		}
		text = append(text, fmt.Sprintf("%s %.1fs", work.RequestName(f.method, route), r.Age().Seconds()))
	}
	if len(left) > maxNames {
		text = append(text, "...")
	}
	requests := "requests"
	if len(left) == 1 {
		requests = "request"
	}
	return left, fmt.Sprintf("%d %s (%s)", len(left), requests, strings.Join(text, ", "))
}

// background waits for what outlives responses. Where something comes after it, that
// work is given up early enough for the rest, and has a moment to notice.
func (d *drain) background(grace context.Context) {
	if d.l.last == nil {
		d.note(d.l.Shutdown(grace))
		return
	}
	until, cancel := context.WithDeadline(grace, d.at(0.9))
	defer cancel()
	err := d.l.Shutdown(until)
	d.note(err)
	if err != nil {
		moment, cancel := context.WithDeadline(grace, d.at(0.95))
		defer cancel()
		_ = d.l.Shutdown(moment) // it would give up the same work once more
	}
}

// lastly calls Options.Last, and leaves it behind where it takes no notice of the end
// of its context: the process is about to end.
func (l *Lifecycle) lastly(grace context.Context) error {
	if l.last == nil {
		return nil
	}
	done := make(chan error, 1)
	work.Go(func() { done <- l.callLast(grace) }, func() { close(done) })
	select {
	case err := <-done:
		return err
	case <-grace.Done():
	}
	select {
	case err := <-done:
		return err
	default:
		return fmt.Errorf("middleware: Options.Last goes on: %w", grace.Err())
	}
}

func (l *Lifecycle) callLast(grace context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("middleware: panic in Options.Last: %v\n%s", v, debug.Stack())
		}
	}()
	return l.last(grace)
}

// endings tells who waits of requests that have ended. To those that end it costs one
// look.
type endings struct {
	waiting atomic.Int32

	mu   sync.Mutex
	next chan struct{} // closed at the next ending; nil: nobody has asked for it
}

// broadcast is called after a request has ended: either this finds who waits, or that
// one finds the request ended.
func (e *endings) broadcast() {
	if e.waiting.Load() == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.next != nil {
		close(e.next)
		e.next = nil
	}
}

func (e *endings) ask() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.next == nil {
		e.next = make(chan struct{})
	}
	return e.next
}

// wait waits until all of them have ended, or ctx has.
func (e *endings) wait(ctx context.Context, all []*request.Request) {
	e.waiting.Add(1)
	defer e.waiting.Add(-1)
	for _, r := range all {
		for {
			next := e.ask()
			if r.Ended() {
				break
			}
			select {
			case <-next:
			case <-ctx.Done():
				return
			}
		}
	}
}
