//go:build !plan9

package pipenet

import "syscall"

// The errors of a socket, as the system has them.
const (
	errReset   = syscall.ECONNRESET
	errPipe    = syscall.EPIPE
	errRefused = syscall.ECONNREFUSED
)
