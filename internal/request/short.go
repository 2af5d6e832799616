package request

import (
	"net"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// truncated reports whether Send found fewer bytes than the declared Content-Length.
func (r *Request) truncated() bool {
	d := r.det.Load()
	return d != nil && d.truncated.Load()
}

// cutShort keeps a response that is shorter than its Content-Length from looking
// complete. What was written goes out first. It reports whether only a panic can still
// stop net/http: if net/http's writer is hidden, no deadline reaches the connection, or
// none is known to.
func (r *Request) cutShort() (stop bool) {
	if !r.truncated() || r.overtaken() || !r.w.gate.Enter() {
		return false
	}
	defer r.w.gate.Leave(r)
	rc := http.NewResponseController(r.w.wrapped)
	if _, known := nethttp.Server(r.w.wrapped); known == nethttp.Unknown {
		return r.cutHidden(rc)
	}
	_ = rc.Flush()
	_ = rc.SetWriteDeadline(conn.Past)
	if r.closeDelimited() {
		r.forceUncleanClose(rc)
	}
	return false
}

// cutHidden is cutShort where net/http's writer is hidden: by the connection's own
// handle, if there is one.
func (r *Request) cutHidden(rc *http.ResponseController) (stop bool) {
	certain := false
	if r.closeDelimited() {
		// What is kept back is all that can show the cut, unless the connection is
		// reset.
		if r.ownConn(func(nc net.Conn) { certain = conn.ResetOnClose(nc) }); !certain {
			return r.recovers()
		}
		_ = rc.Flush()
		r.ownConn(func(nc net.Conn) {
			_ = peer.Innermost(nc).Close() // net/http's close would begin with a close_notify over TLS
		})
		return false
	}
	_ = rc.Flush()
	r.ownConn(func(nc net.Conn) { certain = nc.SetWriteDeadline(conn.Past) == nil })
	return !certain && r.recovers()
}

// closeDelimited reports whether the end of the connection is all that marks the end
// of the body (RFC 9112, 6.3): over HTTP/1.0, if an outer layer, a compressor, took the
// length away. The caller is inside the gate.
func (r *Request) closeDelimited() bool {
	return !r.in.ProtoAtLeast(1, 1) && r.w.wrapped.Header()["Content-Length"] == nil
}

// cutDelimited is what a cut leaves to be done on HTTP/1.0. It runs on the serving
// goroutine, inside the gate, when nobody else writes.
func (r *Request) cutDelimited() {
	if r.http1() && r.closeDelimited() {
		r.forceUncleanClose(http.NewResponseController(r.w.wrapped))
	}
}

// forceUncleanClose keeps net/http from an orderly close behind a body that has no
// other end. The deadline has passed: what is written does not get through. Over TLS
// it uses up a record number, and the close_notify that follows is an error to
// the client; over TCP the close becomes a reset. Without ConnContext the
// connection can be had from net/http itself, which may log that a layer around
// lastbyte writes to it afterwards.
func (r *Request) forceUncleanClose(rc *http.ResponseController) {
	_, _ = r.w.wrapped.Write([]byte{0})
	_ = rc.Flush()
	if r.ownConn(func(nc net.Conn) { conn.ResetOnClose(nc) }) || r.conn() != nil || r.in.TLS != nil {
		return
	}
	server, _ := nethttp.Server(r.w.wrapped)
	if h, ok := server.(http.Hijacker); ok {
		if nc, _, err := h.Hijack(); err == nil {
			conn.ResetOnClose(nc)
			_ = nc.Close()
		}
	}
}
