//go:build !plan9

package peer

import "syscall"

// resets are what the system says of a connection on which no byte passes.
var resets = []error{syscall.ECONNRESET, syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.ENETUNREACH}

// pipe is what a write to a connection gives that has been shut down.
var pipe error = syscall.EPIPE
