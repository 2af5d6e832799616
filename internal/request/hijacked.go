package request

import (
	"context"
	"net"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

// A handler may serve further requests on the connection that it hijacked, and give
// them its context, as golang.org/x/net/http2/h2c does. They are not part of the
// request that was hijacked, though they find it in their contexts.

// nearest reports whether r, which was hijacked, is the request that ctx was made for,
// and not a request that is served inside it. From the hijack on r's own context gives
// a copy of the local address that nobody else has; a server inside gives each of its
// connections a context with the address itself. If there is no address, r is taken for
// the nearest.
func (r *Request) nearest(ctx context.Context) bool {
	a := r.localAddr()
	return a == nil || ctx.Value(http.LocalAddrContextKey) == any(a)
}

// hijackedFor reports whether w answers a request that is served on the connection
// that was hijacked from r. After an h2c upgrade the first HTTP/2 request is the one
// that asked for the upgrade, with its context, so only its writer tells the two
// apart: what an HTTP/2 server made cannot be hijacked, and so is not r's.
func (r *Request) hijackedFor(w http.ResponseWriter) bool {
	if !r.hasAny(lifecycle.Hijacked) {
		return false
	}
	_, p := nethttp.Server(w)
	return p == nethttp.HTTP2
}

// localAddr gives that copy of the local address; nil before a hijack.
func (r *Request) localAddr() net.Addr {
	if !r.hasAny(lifecycle.Hijacked) {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.extraLocked().local
}
