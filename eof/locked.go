package eof

import (
	"bytes"
	"runtime"
)

// unlocked reports whether the goroutine that calls it is not locked to its
// thread. A handler that called runtime.LockOSThread without Unlock may have
// changed the thread (its namespaces, its credentials, its signal mask), and means
// the thread to end with the goroutine. Nothing in package runtime asks for the
// lock but the head of a stack trace (goroutineheader in traceback.go of 1.26.8
// and 1.27.3): "goroutine 7 [running, locked to thread]:". Of any other head than
// the two that are known the answer is no.
// buf is space for the head.
func unlocked(buf *[96]byte) bool {
	head := buf[:runtime.Stack(buf[:], false)]
	_, head, _ = bytes.Cut(head, []byte(" ["))
	head, _, ended := bytes.Cut(head, []byte("]:"))
	state, bubble, _ := bytes.Cut(head, []byte(", "))
	return ended && string(state) == "running" &&
		(len(bubble) == 0 || bytes.HasPrefix(bubble, []byte("synctest bubble ")) && !bytes.Contains(bubble, []byte(",")))
}
