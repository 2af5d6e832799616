package request

import (
	"context"
	"log/slog"
	"net/http"
	"slices"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
)

// Inside is the request as the handlers inside lastbyte have it, for an observer:
// with the Pattern that they have found and the request's context. It is for the
// serving goroutine in Observer.End.
func (r *Request) Inside() *http.Request {
	if r.out != nil {
		return r.out
	}
	// The handler of Detach may be at work with its own copy.
	return r.in.WithContext(&r.node)
}

// InsideDetached is Inside for Observer.Done, when the handler of Detach is back.
func (r *Request) InsideDetached() *http.Request {
	if d := r.det.Load(); d != nil {
		return d.out
	}
	return r.Inside()
}

// Context is the request's, with the values that it came with.
func (r *Request) Context() context.Context { return &r.node }

// Ended reports whether the response has ended.
func (r *Request) Ended() bool { return r.hasAny(lifecycle.Ended) }

// Over reports whether the response has ended and nothing of the request is at work.
func (r *Request) Over() bool {
	s := r.state.Load()
	return s.HasAny(lifecycle.Ended) && s.HasAny(lifecycle.Done)
}

// Keep keeps what f gives with the request, for an observer that is asked again by
// tasks, if there may be any.
func (r *Request) Keep(f func() any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rare != nil {
		r.rare.kept = f()
	}
}

// Kept gives what Keep has kept, nil if nothing.
func (r *Request) Kept() any {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rare == nil {
		return nil
	}
	return r.rare.kept
}

// Server is the http.Server that serves the request; nil: none does.
func (r *Request) Server() *http.Server { return r.server() }

// Attached reports whether the server of the request has ConnContext; true also
// where there is no http.Server.
func (r *Request) Attached() (srv *http.Server, ok bool) {
	if r.body.turn != 0 || r.conn() != nil { // a turn is that of a connection, whose lookup has to go through the context
		return nil, true
	}
	srv = r.server()
	return srv, srv == nil
}

// SetAttrs adds attributes to the request's. One whose key is known takes the place
// of the earlier one. False: nobody would see them, the request is over.
// ctx is the caller's.
func (r *Request) SetAttrs(ctx context.Context, attrs []slog.Attr) bool {
	r.noteRoute(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, d := r.state.Load(), r.det.Load(); s.HasAny(lifecycle.Ended) && (s.HasAny(lifecycle.Done) || d == nil || !d.counted) {
		return false // no handler outlives the response, of whose end OnDone would tell
	}
	x := r.extraLocked()
	for _, a := range attrs {
		i := slices.IndexFunc(x.attrs, func(known slog.Attr) bool { return known.Key == a.Key })
		if i < 0 {
			x.attrs = append(x.attrs, a)
		} else {
			x.attrs[i] = a
		}
	}
	return true
}
