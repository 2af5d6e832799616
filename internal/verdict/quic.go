package verdict

import "github.com/lastbyte-go/lastbyte/internal/nethttp"

// QUICStream has the questions of the judge of HTTP/3.
type QUICStream interface {
	// Answered reports whether the client has all of the response.
	Answered() bool

	// QUIC tells who ended the connection of a request whose context has ended.
	QUIC() nethttp.QUICEnd
}

// quic judges over HTTP/3, with the server of quic-go. There a deadline ends
// nothing but the call that meets it, and nothing has to be waited for: the error
// of a call names who ended the stream or the connection, and so does the context
// of the connection.
func quic(c QUICStream, w Word) verdict {
	if c.Answered() {
		return byServer // what ends now was complete
	}
	end := nethttp.OfQUIC(w.Err)
	switch {
	case end == nethttp.NotQUIC && w.timedOut():
		return byServer
	case end == nethttp.NotQUIC:
		end = c.QUIC()
	}
	switch end {
	case nethttp.EndedHere:
		return byServer
	case nethttp.ResetByPeer:
		return byClient(StreamReset)
	case nethttp.ClosedByPeer:
		return byClient(Closed)
	case nethttp.PeerLost:
		return byClient(Reset)
	}
	return byClient(w.Reason)
}
