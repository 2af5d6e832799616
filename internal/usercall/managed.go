package usercall

import (
	"runtime"
	"strings"
)

// Managed runs f. The goroutines of a request, threads and callbacks, begin with it:
// IsManaged looks for its name in the stack.
//
//go:noinline
func Managed(f func()) { f() }

// IsManaged reports whether the calling goroutine is a thread or a callback of a
// request, whatever context it has: its stack begins in Managed.
func IsManaged() bool {
	pc := make([]uintptr, 64)
	for skip := 2; ; skip += len(pc) {
		n := runtime.Callers(skip, pc)
		if n == len(pc) {
			continue
		}
		frames := runtime.CallersFrames(pc[:n])
		for more := n > 0; more; {
			var f runtime.Frame
			if f, more = frames.Next(); strings.HasSuffix(f.Function, "/internal/usercall.Managed") {
				return true
			}
		}
		return false
	}
}
