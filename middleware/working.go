package middleware

import (
	"hash/maphash"
	"iter"
	"maps"
	"sync"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// Request is a request at work, as [Lifecycle.Requests] gives it. ID is that of the
// log line.
type Request struct {
	Method, Path, Route, Proto, RemoteAddr, ID string
	Outcome                                    Outcome
	Ended                                      bool // the response has; the handler works on
}

// Requests gives copies of the requests that are at work now, in no order: those
// whose response has not ended, and those whose handler has outlived it. In an
// incident the stuck ones are listed. Method, Path, RemoteAddr and ID are as the
// request came to the outermost lastbyte middleware; Route is as of the handler's
// last call into lastbyte that could tell. It may be called from any goroutine, and
// no lock is held while the loop's body runs.
func (l *Lifecycle) Requests() iter.Seq[Request] {
	return func(yield func(Request) bool) {
		for r, f := range l.working.all() {
			one := Request{f.method, f.path, f.route, f.proto, f.remoteAddr, requestID(r.Context(), f.id), outcome(r.Outcome()), r.Ended()}
			if !yield(one) {
				return
			}
		}
	}
}

// facts are what a request came with, and its route. They are copied when it begins:
// handlers may change their request, and what it shares with others.
type facts struct {
	method, path, route, proto, remoteAddr, id string
}

// entry is what is known of a request, until its end has been told of and nothing of it is
// at work.
type entry struct {
	facts
	told, done bool // see observer.End and observer.Done
}

// end notes that the end has been told of, and reports whether the request is to be
// forgotten. last: Done is not called.
func (k *entry) end(last bool) (forget bool) {
	k.told = true
	return last || k.done
}

// working is the set of the requests at work. It costs a request no memory: most
// find one of a few places in a table by their address, and the others are in a map.
type working struct {
	seed   maphash.Seed
	places [places]place
	more   moreWork
}

const (
	places = 256 // a power of two
	tries  = 8   // places that a request may have
)

// place holds one request; mu guards the rest.
type place struct {
	mu sync.Mutex

	r     *request.Request // nil: the place is free
	entry entry
}

// moreWork is what has found no place; mu guards the map and what is in it.
type moreWork struct {
	mu sync.Mutex

	all map[*request.Request]*entry
}

func (w *working) add(r *request.Request, f facts) {
	first := maphash.Comparable(w.seed, r)
	for try := range uint64(tries) {
		p := &w.places[(first+try)%places]
		if p.mu.TryLock() {
			if p.r == nil {
				p.r, p.entry.facts = r, f
				p.mu.Unlock()
				return
			}
			p.mu.Unlock()
		}
	}
	w.more.add(r, f)
}

func (m *moreWork) add(r *request.Request, f facts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil {
		m.all = make(map[*request.Request]*entry)
	}
	m.all[r] = &entry{facts: f}
}

// with has f look at the facts of r, or change them, while nobody else does, and forgets
// r if f says so. False: r has been forgotten.
func (w *working) with(r *request.Request, f func(*entry) (forget bool)) bool {
	first := maphash.Comparable(w.seed, r)
	for try := range uint64(tries) {
		p := &w.places[(first+try)%places]
		p.mu.Lock()
		found := p.r == r
		if found && f(&p.entry) {
			p.r, p.entry = nil, entry{}
		}
		p.mu.Unlock()
		if found {
			return true
		}
	}
	w.more.mu.Lock()
	defer w.more.mu.Unlock()
	k, ok := w.more.all[r]
	if ok && f(k) {
		delete(w.more.all, r)
	}
	return ok
}

// of gives the facts of r.
func (w *working) of(r *request.Request) (f facts, ok bool) {
	ok = w.with(r, func(k *entry) bool { f = k.facts; return false })
	return f, ok
}

// all gives the requests at work and their facts. Each stays where it is until it is
// forgotten, so none is missing that is at work all the time, and no lock is held
// while the loop's body runs.
func (w *working) all() iter.Seq2[*request.Request, facts] {
	return func(yield func(*request.Request, facts) bool) {
		for i := range w.places {
			p := &w.places[i]
			p.mu.Lock()
			r, f := p.r, p.entry.facts
			p.mu.Unlock()
			if r != nil && !r.Over() && !yield(r, f) {
				return
			}
		}
		w.more.mu.Lock()
		more := maps.Clone(w.more.all)
		for r, k := range more {
			copied := *k
			more[r] = &copied
		}
		w.more.mu.Unlock()
		for r, k := range more {
			if !r.Over() && !yield(r, k.facts) {
				return
			}
		}
	}
}
