package eof

import (
	"bytes"
	"runtime"
)

// unlocked reports whether the calling goroutine is not locked to its thread. A
// handler that called runtime.LockOSThread without UnlockOSThread may have
// changed the thread (its namespaces, its credentials, its signal mask), and
// expects the thread to end with the goroutine. Package runtime shows the lock
// only in the header of a stack trace (goroutineheader in traceback.go of Go
// 1.26.8 and 1.27.3): "goroutine 7 [running, locked to thread]:". For any
// header but the two that are known the result is false. buf is space for the
// header.
func unlocked(buf *[96]byte) bool {
	head := buf[:runtime.Stack(buf[:], false)]
	_, head, _ = bytes.Cut(head, []byte(" ["))
	head, _, ended := bytes.Cut(head, []byte("]:"))
	state, bubble, _ := bytes.Cut(head, []byte(", "))
	return ended && string(state) == "running" &&
		(len(bubble) == 0 || bytes.HasPrefix(bubble, []byte("synctest bubble ")) && !bytes.Contains(bubble, []byte(",")))
}
