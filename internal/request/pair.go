package request

import (
	"context"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/route"
	"github.com/lastbyte-go/lastbyte/internal/scope"
)

// pair is the request that a lastbyte middleware was given, and the copy of it that
// the handlers inside get. The goroutine that serves in owns it; the handler's owns
// out. Without Detach these are one goroutine. With Detach the serving goroutine
// sleeps while the handler's carries something from one to the other.
type pair struct {
	in  *http.Request // set before the handler runs
	out *http.Request // likewise; nil where Detach, inside, makes the copy
}

// clone makes *out the copy of in, with ctx and with b in front of its body.
//
// The copy that WithContext makes on the way is not to stay on the stack of a
// goroutine that waits.
//
//go:noinline
func (p *pair) clone(out *http.Request, ctx context.Context, b *body) {
	*out = *p.in.WithContext(ctx)
	if out.Body != nil && out.Body != http.NoBody {
		out.Body = b
	}
	p.out = out
}

// carry gives the outer handlers what the handlers inside have changed in the
// request: they got a copy, and without lastbyte it would be one request. given is
// the context that the copy was made with. MultipartForm: net/http removes the
// files of its own request only. alone: nobody may be parsing a form.
func (p *pair) carry(given context.Context, alone bool) {
	if p.in == nil || p.out == nil {
		return
	}
	p.carryContext(given)
	p.carryFields()
	if alone {
		carryForms(p.in, p.out)
	}
	carryRoute(p.in, p.out)
}

// carryForms carries what was parsed of the body and the query.
func carryForms(to, from *http.Request) {
	if to.MultipartForm == nil && from.MultipartForm != nil {
		to.MultipartForm = from.MultipartForm
	}
	carryValues(to, from)
}

// carryValues is carryForms without the uploaded files.
func carryValues(to, from *http.Request) {
	if to.Form == nil && from.Form != nil {
		to.Form, to.PostForm = from.Form, from.PostForm
	}
}

// carryFormsInside is carryForms for two requests of the handler's. A goroutine of the
// request that is at work may be parsing one: then drain does it.
func (r *Request) carryFormsInside(to, from *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.goroutines > 0 {
		x := r.extraLocked()
		x.forms = append(x.forms, pair{in: to, out: from})
		return
	}
	carryForms(to, from)
}

// carryFormsLocked does what carryFormsInside has left.
func (r *Request) carryFormsLocked() {
	x := r.madeLocked()
	if x == nil {
		return
	}
	for _, p := range x.forms {
		carryForms(p.in, p.out)
	}
	x.forms = nil
}

// carryRoute carries what routers have found in the request.
func carryRoute(to, from *http.Request) {
	route.CarryPattern(to, from)
	nethttp.CarryPathValues(to, from)
}

// carryFields carries what middlewares assign to: a RealIP the address, a method
// override the method, a router or a rewrite the URL. What has not changed is not
// written, since other goroutines may read it.
func (p *pair) carryFields() {
	from, to := p.out, p.in
	if to.RemoteAddr != from.RemoteAddr {
		to.RemoteAddr = from.RemoteAddr
	}
	if to.Method != from.Method {
		to.Method = from.Method
	}
	if to.Host != from.Host {
		to.Host = from.Host
	}
	if to.URL != from.URL {
		to.URL = from.URL
	}
}

// carryContext carries a context that a handler has put in place of the one that
// it was given, by *r = *r.WithContext(ctx), as gorilla's sessions do. Outside it
// counts for its values alone: it ends with the handler.
func (p *pair) carryContext(given context.Context) {
	if ctx := p.out.Context(); ctx != given {
		p.replaceContext(ctx)
	}
}

// replaceContext is apart, since the copy that WithContext makes on the way takes space
// on the stack, as in clone.
//
//go:noinline
func (p *pair) replaceContext(ctx context.Context) {
	outer := p.in.Context()
	if c, ok := outer.(*carried); ok {
		outer = c.Context
	}
	*p.in = *p.in.WithContext(&carried{outer, ctx})
}

// carryEarly is carryContext before the header goes out: a middleware outside may
// look for the session when the status is said. It is left for later if goroutines
// of the request are at work, which may read *in. Whoever replaces *out while
// another goroutine writes the response races in net/http alone, too: that reads
// the request as it writes.
func (r *Request) carryEarly(p *pair, given context.Context) {
	if p.in == nil || p.out == nil || p.out.Context() == given {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.goroutines == 0 {
		p.carryContext(given)
	}
}

// carried is a context outside with the values of one inside. What says whose
// request it is, or whether it has ended, is that of the context outside.
type carried struct {
	context.Context
	values context.Context
}

func (c *carried) Value(key any) any {
	switch key.(type) {
	case requestKey, scope.Key, conn.Key, *int: // *int: package context's own key, for cancellation
		return c.Context.Value(key)
	}
	if !route.IsKey(key) { // a copy, inside
		if v := c.values.Value(key); v != nil {
			return v
		}
	}
	return c.Context.Value(key)
}
