package peer

import "errors"

// IsReset reports whether err is what the system says of a connection that passes
// no byte any more: an RST came, or nobody has answered for too long (keep-alive,
// TCP_USER_TIMEOUT, the last retransmission), with the last ICMP error as the
// reason if there was one.
func IsReset(err error) bool {
	for _, e := range resets {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// IsBroken reports whether err is what the system says of a connection that a
// write finds dead: IsReset, or EPIPE, since the connection was shut down before.
func IsBroken(err error) bool { return IsReset(err) || errors.Is(err, pipe) }
