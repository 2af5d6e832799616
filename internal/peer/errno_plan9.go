package peer

import (
	"errors"
	"syscall"
)

// Plan 9 has texts in place of most of these errors.
var resets = []error{syscall.ETIMEDOUT}

var pipe = errors.New("no such error")
