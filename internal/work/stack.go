package work

import "unsafe"

// Address is where the stack of the caller's goroutine is. It changes when package
// runtime has moved the stack, to make it larger or smaller.
//
//go:noinline
func Address() uintptr {
	var here byte
	return uintptr(unsafe.Pointer(&here))
}

// GrowStack makes the stack of this goroutine, which has just begun, larger. That has to
// copy what the stack holds, frame by frame, so it is cheap now and dear in the middle of
// a handler; and it is one step, where the runtime would double the size again and
// again.
func GrowStack() { need14KB(0) }

// need14KB has the runtime see to it that there is space for its variables. With n = 0
// it does not touch them.
//
//go:noinline
func need14KB(n int) byte {
	if n == 0 {
		return 0
	}
	var frame [14 << 10]byte
	frame[n%len(frame)]++
	return frame[n/2%len(frame)]
}
