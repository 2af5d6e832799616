package request

import (
	"net"
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/header"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// dropNow cuts the connection or stream while the handler may be at work, even
// stuck in a Write.
func (r *Request) dropNow() {
	r.mu.Lock()
	var hijackedConn = r.hasAny(lifecycle.Hijacked)
	x := r.madeLocked()
	r.mu.Unlock()
	if hijackedConn {
		if x != nil && x.conn != nil {
			_ = x.conn.Close() // the handler's next call on it gets the error
		}
		return
	}
	if r.w.gate.Enter() {
		defer r.w.gate.Leave(r)
		r.cut()
	}
}

// cut makes net/http unable to send another byte. It reports whether that is
// certain, see sever. The caller is inside the writer's gate.
//
// Only the first call acts: a second reset of an HTTP/2 stream would be a protocol
// error of this server.
func (r *Request) cut() bool {
	r.mu.Lock()
	x := r.extraLocked()
	r.mu.Unlock()
	x.cut.Do(func() {
		r.note(noReuse) // if everything has been sent, no write fails that would have net/http close the connection
		x.severed = r.sever()
	})
	return x.severed
}

// sever cuts the response off by deadlines in the past. They are known to do so on the
// writers of net/http's HTTP/1 and HTTP/2 servers, and on the connection itself if the
// request has a lease on it. What the deadline of another writer does is not known: on
// HTTP/3 it makes a Write return, and lets what was sent look complete.
//
// On HTTP/1.0 the connection is reset, see forceUncleanClose.
//
// Over TLS a record that fails by deadline has used up its sequence number, and the
// client cannot decrypt what follows. So a close_notify goes out first, if no record
// can be under way.
func (r *Request) sever() (certain bool) {
	idle := r.w.gate.Seal() <= 1 // this call alone is inside, and no other that writes begins
	if r.overtaken() {
		return true // its response is out
	}
	own := r.ownConn(func(nc net.Conn) {
		if !r.in.ProtoAtLeast(1, 1) && r.hasAny(lifecycle.Committed) && conn.ResetOnClose(nc) {
			// An orderly end may be all that marks the end of the body. The header map, which
			// would tell, may be in use.
			certain = peer.Innermost(nc).Close() == nil
			return
		}
		defer conn.CloseWriter(nc, idle)()
		server, _ := nethttp.Server(r.w.wrapped)
		if server == nil || r.bodyUnread() { // else net/http waits for the client's end
			_ = nc.SetReadDeadline(conn.Past)
		}
		if certain = nc.SetWriteDeadline(conn.Past) == nil; certain && server == nil {
			r.mu.Lock()
			r.rareLocked().byHandle = true
			r.mu.Unlock()
		}
	})
	if own && certain {
		return true
	}
	r.interruptRead() // the rest of the body is not needed any more
	type deadline interface{ SetWriteDeadline(time.Time) error }
	if server, _ := nethttp.Server(r.w.wrapped); server != nil && server.(deadline).SetWriteDeadline(conn.Past) == nil {
		return true
	}
	_ = http.NewResponseController(r.w.wrapped).SetWriteDeadline(conn.Past) // a Write that is stuck may return
	return false
}

// drop ends the request without a byte, on the serving goroutine. Outer
// handlers see code as the status, though it never goes out. It reports whether
// net/http has to be stopped by a panic.
func (r *Request) drop(code int) (stop bool) {
	if !r.w.gate.Enter() {
		return false
	}
	defer r.w.gate.Leave(r)
	r.mu.Lock()
	r.state.Store(r.state.Load().Drop())
	said := r.hasAny(lifecycle.Committed) || r.hasAny(lifecycle.Answered) && r.w.status != 0 // see recordMove
	if !said {
		r.w.status = int16(max(code, 0))
	}
	r.mu.Unlock()
	if !said && r.uncuttable() {
		r.dropInWords(code)
		return false
	}
	if !said && code > 0 {
		if r.http1() {
			r.w.wrapped.Header().Set("Connection", "close") // or net/http reads up to 256 KB of body first
		}
		r.w.wrapped.WriteHeader(code)
	}
	if r.winner() == lifecycle.Aborted && !r.http1() {
		return false // the stream is reset already; a second reset is noise on the connection
	}
	if !r.cut() && r.recovers() {
		return true
	}
	if said {
		r.cutDelimited()
	}
	return false
}

// dropInWords is drop where nothing can be cut: the status goes out with an
// empty response. -1 has none, and must not look like a success. The caller is
// inside the gate.
func (r *Request) dropInWords(code int) {
	if code <= 0 {
		code = http.StatusInternalServerError
	}
	h := r.w.wrapped.Header()
	header.DropBody(h, true, r.w.stood())
	h.Set("Content-Length", "0")
	r.mu.Lock()
	r.state.Store(r.state.Load().CommitDrop())
	r.w.status = int16(code)
	r.mu.Unlock()
	r.w.wrapped.WriteHeader(code)
}
