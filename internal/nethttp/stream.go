package nethttp

import "errors"

// streamError has the fields of http2StreamError, which converts itself to any
// struct that has them (h2_error.go): errors.As finds it although it has no
// exported name.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (streamError) Error() string { return "stream error" }

// IsResetByPeer reports whether err says that the client has reset its HTTP/2
// stream. A read of the request body meets that before the request's context
// ends (closeStream in h2_bundle.go). The cause tells it from a reset of the
// server's own (http2errFromPeer).
func IsResetByPeer(err error) bool {
	if err == nil {
		return false
	}
	e, ok := errors.AsType[streamError](err)
	return ok && e.Cause != nil && e.Cause.Error() == "received from peer"
}

// LostPing is what the HTTP/2 server says to HTTP2Config.CountError when a client
// has not answered its ping in time, before it closes the connection
// (handlePingTimer in h2_bundle.go).
const LostPing = "conn_close_lost_ping"
