package request

import (
	"net"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// lease gives the lease of r on its connection: the zero Lease if there is no
// connection, or if several requests share it.
func (r *Request) lease() conn.Lease {
	if !r.http1() {
		return conn.Lease{}
	}
	return r.conn().Lease(r.body.turn)
}

// ownConn has act run on the connection of the request while it is proven to be
// still its own, and reports whether it ran. The proof is the lease, or, where that
// is not bounded, that the request is not outlived. act must not call what may wait
// for the client or for the end of the request. The caller is inside the writer's
// gate, or has shut it and not returned.
func (r *Request) ownConn(act func(nc net.Conn)) (own bool) {
	l := r.lease()
	return (l.Bounded() || l != conn.Lease{} && !r.outlived()) && l.Act(act)
}

// overtaken reports whether net/http is known to have finished with the request while
// its handler runs: behind an http.TimeoutHandler that gave up, or a wrapper that does
// not wait for the handler. The connection, and the writer that net/http made, may be
// in use for another request then, and a cut or a page would hit that one.
func (r *Request) overtaken() bool { return r.body.turn != 0 && r.lease().Over() }

// outlived reports whether net/http may have finished with the request while its
// handler runs. A bounded lease says whether it has. Without one it may have if the
// outer context has ended, the writer does not lead to net/http's, and the socket does
// not say that the client left: if it has left, no other request comes. The caller is
// inside the writer's gate, or has shut it and not returned.
func (r *Request) outlived() bool {
	if l := r.lease(); l.Bounded() {
		return l.Over()
	}
	if r.node.Parent().Err() == nil || r.w.ownHTTP1() {
		return false
	}
	if c := r.conn(); c != nil && r.mayHaveLeft() {
		if s := c.Peer(); s == peer.Closed || s == peer.Reset {
			return false
		}
	}
	return true
}

// outlivedNow is outlived for any caller.
func (r *Request) outlivedNow() bool {
	if r.node.Parent().Err() == nil {
		return r.overtaken()
	}
	if !r.w.gate.Enter() {
		return true
	}
	defer r.w.gate.Leave(r)
	return r.outlived()
}
