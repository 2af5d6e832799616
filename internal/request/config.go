package request

import (
	"cmp"
	"context"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/work"
)

// Config says what a middleware switches on for the handlers inside it. It is
// made once for each middleware and never changes.
type Config struct {
	Check    *Check // switch the check on
	Ignore   bool   // switch it off
	Default  bool   // Check is for where nothing outside says Check or Ignore
	Page     *Page  // of an exit; nil: as outside
	Filter   FilterFunc
	Limit    *Limit
	Owner    work.Owner
	Observer Observer
}

// fuse returns one Config that does what c does around in. It fails where both have
// a setting that only one of them can decide, and then the inner one decides; and for
// a page or filter around Detach, which has to get the request as it is outside.
func (c *Config) fuse(in *Config, detach bool) (both *Config, ok bool) {
	if c.conflicts(in) || c.hasFuncs() && (detach || in.hasFuncs()) {
		return nil, false
	}
	one := *in
	one.Check, one.Ignore = cmp.Or(c.Check, in.Check), c.Ignore || in.Ignore
	one.Limit = cmp.Or(in.Limit, c.Limit)
	one.Default = (c.Check == nil || c.Default) && (in.Check == nil || in.Default)
	one.Owner, one.Observer = cmp.Or(c.Owner, in.Owner), cmp.Or(c.Observer, in.Observer)
	if c.hasFuncs() {
		one.Page, one.Filter = c.Page, c.Filter
	}
	return &one, true
}

// conflicts reports whether c and in have different settings for one thing.
func (c *Config) conflicts(in *Config) bool {
	return c.Ignore != in.Ignore && (c.Check != nil || in.Check != nil) ||
		bothSet(c.Check, in.Check) || bothSet(c.Owner, in.Owner) || bothSet(c.Observer, in.Observer)
}

// bothSet reports whether neither a nor b is zero, and they are different.
func bothSet[T comparable](a, b T) bool {
	var zero T
	return a != zero && b != zero && a != b
}

// onlyLimits reports whether c has a Limit and nothing else.
func (c *Config) onlyLimits() bool {
	return c.Limit != nil && c.Check == nil && !c.Ignore && !c.Default && !c.hasFuncs() && c.Owner == nil && c.Observer == nil
}

// hasFuncs reports whether c has a page or a filter.
func (c *Config) hasFuncs() bool { return c.Page != nil || c.Filter != nil }

// nest returns the Config in effect inside the middleware of in, where c is in
// effect outside. It does not have pages, filters and limits, which are noted at
// the request.
func (c *Config) nest(in *Config) *Config {
	both := Config{Check: c.Check, Ignore: c.Ignore, Owner: cmp.Or(in.Owner, c.Owner), Observer: cmp.Or(c.Observer, in.Observer)}
	said := c.Check != nil || c.Ignore
	if in.Ignore || in.Check != nil && !(in.Default && said) {
		both.Check, both.Ignore = in.Check, in.Ignore
	}
	if both.Check == c.Check && both.Ignore == c.Ignore && both.Owner == c.Owner && both.Observer == c.Observer {
		return c
	}
	return &both
}

// check is the setting of the abort middleware; nil: it is off.
func (r *Request) check() *Check { return r.cfg.Load().Check }

// Owner is the Background around the handler, nil if there is none.
func (r *Request) Owner() work.Owner { return r.cfg.Load().Owner }

// CheckByDefault gives h, the handler of an abort middleware, with a check that
// says nothing where a Check or Ignore outside does.
func CheckByDefault(h http.Handler) http.Handler {
	in, ok := h.(*handler)
	if !ok {
		return h
	}
	cfg := *in.cfg
	cfg.Default = true
	return &handler{cfg: &cfg, next: in.next, detach: in.detach}
}

// Resume ends the drain of the Background whose handler h is: a server has begun
// that it is to serve.
func Resume(h http.Handler) {
	if h, ok := h.(*handler); ok && h.cfg.Owner != nil {
		h.cfg.Owner.Resume()
	}
}

// Listen has l told of what the Background does whose handler h is.
func Listen(h http.Handler, l work.Listener) {
	if h, ok := h.(*handler); ok && h.cfg.Owner != nil {
		h.cfg.Owner.Listen(l)
	}
}

// Observer is a Lifecycle as the request sees it.
type Observer interface {
	Begin(*Request)

	// Route says which route of chi's, or pattern of a ServeMux, the request has come
	// to. It is called where a handler calls lastbyte, from any goroutine.
	Route(r *Request, pattern string)

	// End is called after the response, on the serving goroutine. last: nothing of
	// the request is at work any more, and Done is not called. Otherwise Done may come
	// first, or at the same time.
	End(r *Request, o Outcome, last bool)

	// Done says that a detached handler's work has ended, where End does not. ctx is
	// the handler's: it has the route, which chi may have given to another request in
	// r's. outlived: it has worked without a client.
	Done(ctx context.Context, r *Request, outlived bool)

	// ID is the request's id, as it is in the lines of the log, "" if it has none. ctx is
	// one of the request's. It may be called from any goroutine, at any time.
	ID(ctx context.Context, r *Request) string

	// Log logs what went wrong, and the stack of a panic if it was one. ctx is that
	// of the function it went wrong in. False: there is no logger.
	Log(ctx context.Context, r *Request, text string, stack []byte) bool
}
