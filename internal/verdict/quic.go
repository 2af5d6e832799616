package verdict

import "github.com/lastbyte-go/lastbyte/internal/nethttp"

// quic judges over HTTP/3, with the server of quic-go. There a deadline ends
// nothing but the call that meets it, and nothing has to be waited for: the error
// of a call names who ended the stream or the connection, and so does the context
// of the connection.
func quic(c Case, w Word) (string, Party) {
	if c.Answered() {
		return "", Server // what ends now was complete
	}
	end := nethttp.OfQUIC(w.Err)
	switch {
	case end == nethttp.NotQUIC && w.timedOut():
		return "", Server
	case end == nethttp.NotQUIC:
		end = c.QUIC()
	}
	switch end {
	case nethttp.EndedHere:
		return "", Server
	case nethttp.ResetByPeer:
		return StreamReset, Client
	case nethttp.ClosedByPeer:
		return Closed, Client
	case nethttp.PeerLost:
		return Reset, Client
	}
	return w.Reason, Client
}
