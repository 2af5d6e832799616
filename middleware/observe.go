package middleware

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/internal/route"
)

// Observer is told of what ends: metrics, traces and live pages are made of it. A nil
// function is not called. All of them may be called by several goroutines at once.
type Observer struct {
	// OnEnd is called after each response, on the serving goroutine. It delays
	// net/http's last write of the response, and a panic of it is one of the handler's.
	// The request is the one inside lastbyte, to be read only: its Pattern and chi's
	// route are set, abort.Cause and exitcode.From work with its context, which has its
	// values and has ended. A handler that has outlived its response is at work with the
	// same URL, Header and Body: do not look at what handlers of yours change.
	OnEnd func(*http.Request, Outcome)

	// Want is asked at the end of each response whether OnEnd is to be called, on the
	// same goroutine. It is for observers that look at some endings only, and costs a
	// third of an OnEnd. at is the time of the end on a monotonic clock, to tell how long
	// after others it came; it is no date. nil means that all endings are wanted. A panic
	// of it is one of the handler's.
	Want func(by Ending, at time.Duration) bool

	// OnDone is called when a handler that outlived its response has ended, on the
	// handler's goroutine; with Outcome.Worked. Tasks are not waited for. It comes
	// after OnEnd unless the work was as quick as the end of the response. A panic of
	// it is logged by the standard logger.
	OnDone func(*http.Request, Outcome)

	// OnTask is called when a task of eof has ended, on the task's goroutine, with how
	// long it ran. A panic of it is logged by the standard logger.
	OnTask func(eof.Item, time.Duration)
}

// observers are those of a Lifecycle. Those at work with an older list go on with it.
type observers struct {
	mu    sync.Mutex // held while all is replaced
	all   atomic.Pointer[[]*Observer]
	clock request.Clock
}

func (o *observers) list() []*Observer {
	if all := o.all.Load(); all != nil {
		return *all
	}
	return nil
}

func (o *observers) add(one *Observer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := append(slices.Clone(o.list()), one)
	o.all.Store(&all)
}

func (o *observers) remove(one *Observer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := slices.DeleteFunc(slices.Clone(o.list()), func(known *Observer) bool { return known == one })
	o.all.Store(&all)
}

// listener is a Lifecycle as its Background sees it.
type listener Lifecycle

func (n *listener) TaskEnded(name string, began time.Time, took time.Duration) {
	for _, one := range slices.Backward(n.observers.list()) {
		if one.OnTask != nil {
			defer guarded("OnTask", func() { one.OnTask(eof.Item{Kind: "task", Name: name, Since: began}, took) })
		}
	}
}

func (n *listener) Hears() bool {
	return slices.ContainsFunc(n.observers.list(), func(one *Observer) bool { return one.OnTask != nil })
}

func (n *listener) Log(ctx context.Context, text string, stack []byte) bool {
	if n.log.silent {
		return false
	}
	n.log.write(ctx, &line{level: slog.LevelError, text: text, stack: stack})
	return true
}

// Observe adds an observer beside those that are there, while requests are served or
// not. It hears of what ends from now on until stop, which may be called twice; what
// runs already is not waited for.
func (l *Lifecycle) Observe(o Observer) (stop func()) {
	one := &o
	l.observers.add(one)
	return func() { l.observers.remove(one) }
}

// observer is a Lifecycle as the request sees it.
type observer Lifecycle

func (o *observer) Begin(r *request.Request) {
	l := (*Lifecycle)(o)
	l.requests.Add(1)
	req := r.HTTP()
	l.working.add(r, facts{
		method: req.Method, path: req.URL.Path, route: route.Noted(req), proto: req.Proto,
		remoteAddr: req.RemoteAddr, id: request.CameWith(req.Header),
	})
	if !l.warned.Load() {
		l.warnUnattached(r)
	}
}

func (o *observer) Route(r *request.Request, pattern string) {
	(*Lifecycle)(o).working.with(r, func(k *entry) bool { k.route = pattern; return false })
}

// End has r found by its observers, who may ask for its id, until the last one has been
// told.
func (o *observer) End(r *request.Request, end request.Outcome, last bool) {
	l := (*Lifecycle)(o)
	end.Worked = 0 // of work that was as quick as the response, OnDone tells
	l.count(end)
	defer l.endings.broadcast()
	all := l.observers.list()
	if len(all) > 0 {
		defer l.working.with(r, func(k *entry) bool { return k.end(last) })
	}
	came := l.ended(r, last, len(all) == 0)
	var inside *http.Request // is made for the first who wants it
	if l.log.silent {
		l.tellEnd(all, r, &end, &inside)
		return
	}
	defer l.tellEnd(all, r, &end, &inside) // deferred: whatever the logger does
	guarded("the logger", func() { l.requestLine(r, end, came) })
}

func (l *Lifecycle) requestLine(r *request.Request, end request.Outcome, came facts) {
	if l.skip != nil && l.skip(r.Inside(), outcome(end)) {
		return
	}
	out := known(&end)
	l.log.write(r.Context(), &line{level: out.level(), text: "request", facts: came, about: response, outcome: out})
}

// ended gives what the request came with; its route is known now. last and told are as for
// entry.end.
func (l *Lifecycle) ended(r *request.Request, last, told bool) (came facts) {
	req := r.HTTP()
	l.working.with(r, func(k *entry) (forget bool) {
		if came = k.facts; !l.log.silent || !last { // else nobody asks: the values of a context are far away
			came = k.now(req, req.Context())
			k.route = came.route
		}
		if last || k.done {
			l.keep(r, came)
		}
		return told && k.end(last)
	})
	return came
}

// keep keeps f for the lines of tasks, and for those who ask for the id. Whoever asks for
// the facts of r finds them here once r is forgotten: the caller holds the lock of its
// place, in which Request.mu may be taken.
func (l *Lifecycle) keep(r *request.Request, f facts) {
	if !l.log.silent || f.id != "" {
		r.Keep(func() any { return f })
	}
}

// now is f with what is known on the goroutine that owns req: a rewrite, and the
// route. ctx has the route of chi and the request id.
func (f facts) now(req *http.Request, ctx context.Context) facts {
	f.method, f.path, f.proto = req.Method, req.URL.Path, req.Proto
	if of := route.Known(ctx, req); of != "" {
		f.route = of
	}
	f.id = requestID(ctx, f.id)
	return f
}

func (l *Lifecycle) count(end request.Outcome) {
	l.ends.Add(1)
	if end.Abort != nil {
		l.aborts.Add(1)
	}
	if end.Exit != nil {
		l.exits.Add(1)
	}
	if end.EOF > 0 {
		l.eofs.Add(1)
	}
}

func (o *observer) Done(ctx context.Context, r *request.Request, outlived bool) {
	l := (*Lifecycle)(o)
	var came facts
	l.working.with(r, func(k *entry) (forget bool) {
		came, k.done = k.facts, true
		l.keep(r, came)
		return k.told
	})
	if !outlived {
		return
	}
	all := l.observers.list()
	if l.log.silent && len(all) == 0 {
		return
	}
	out := outcome(r.Outcome())
	if len(all) > 0 {
		defer onDone(all, r.InsideDetached(), out)
	}
	if !l.log.silent {
		guarded("the logger", func() { l.workLine(ctx, r.InsideDetached(), out, came) })
	}
}

// onDone calls the functions in order, each whatever the others do.
func onDone(all []*Observer, req *http.Request, out Outcome) {
	for _, one := range slices.Backward(all) {
		if one.OnDone != nil {
			defer guarded("OnDone", func() { one.OnDone(req, out) })
		}
	}
}

func (l *Lifecycle) workLine(ctx context.Context, req *http.Request, out Outcome, came facts) {
	if l.skip != nil && l.skip(req, out) {
		return
	}
	level := slog.LevelInfo // the status was that of another line
	if out.Panicked {
		level = slog.LevelError
	}
	l.log.write(ctx, &line{
		level: level, text: "detached work ended", facts: came.now(req, ctx), about: detachedWork, outcome: out,
	})
}

func (o *observer) ID(ctx context.Context, r *request.Request) string {
	f, ok := (*Lifecycle)(o).working.of(r)
	if !ok {
		if f, ok = r.Kept().(facts); !ok { // its handler is over, and writes to the header no more
			f.id = request.CameWith(r.HTTP().Header)
		}
	}
	return requestID(ctx, f.id)
}

func (o *observer) Log(ctx context.Context, r *request.Request, text string, stack []byte) bool {
	l := (*Lifecycle)(o)
	if l.log.silent {
		return false
	}
	f, ok := l.working.of(r)
	if !ok { // it is over; nothing is kept for a goroutine that nobody has waited for, and r.HTTP is others' again
		f, _ = r.Kept().(facts)
	}
	if of := route.Pattern(ctx); of != "" {
		f.route = of
	}
	f.id = requestID(ctx, f.id)
	l.log.write(ctx, &line{level: slog.LevelError, text: text, facts: f, stack: stack})
	return true
}

// warnUnattached says once that the server of r was never attached.
func (l *Lifecycle) warnUnattached(r *request.Request) {
	srv, ok := r.Attached()
	if ok || l.warned.Swap(true) {
		return
	}
	r.Log(r.Context(), fmt.Sprintf("lastbyte: the http.Server on %q was never attached, call Lifecycle.Serve, or Lifecycle.Attach before it "+
		"serves: without, a client that leaves is not noticed while the request body is unread, bytes are pipelined or the "+
		"connection is hijacked, a deadline or Server.Close may be taken for one, and Server.Shutdown begins no drain", srv.Addr))
}
