package request

import (
	"context"
	"net"
	"net/http"
)

// A handler may serve requests of its own on the connection that it hijacked, and
// give them its context: golang.org/x/net/http2/h2c does. Those are no part of the
// request that was hijacked, though they find it in their contexts.

// nearest reports whether r, which was hijacked, is the request that ctx was made
// for, and none is served inside it. A server gives each connection a context that
// has its local address, and so hides the one that r's own context gives from then
// on: a copy that nobody else has. With no address there nobody knows.
func (r *Request) nearest(ctx context.Context) bool {
	a := r.localAddr()
	return a == nil || ctx.Value(http.LocalAddrContextKey) == any(a)
}

// localAddr is nil before a hijack.
func (r *Request) localAddr() net.Addr {
	if !r.is(hijacked) {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.extra.local
}

// ownAddr gives a copy of a that compares equal to no other address.
func ownAddr(a net.Addr) net.Addr {
	switch a := a.(type) {
	case nil:
		return nil
	case *net.TCPAddr:
		b := *a
		return &b
	case *net.UnixAddr:
		b := *a
		return &b
	}
	return &struct{ net.Addr }{a}
}
