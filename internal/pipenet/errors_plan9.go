package pipenet

import "errors"

// Plan 9 has no numbers for the errors of a socket.
var (
	errReset   = errors.New("connection reset")
	errPipe    = errors.New("broken pipe")
	errRefused = errors.New("connection refused")
)
