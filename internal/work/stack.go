package work

import (
	"math/rand/v2"
	"sync/atomic"
	"unsafe"
)

// Depth learns whether a function needs more stack than a goroutine begins with, from
// the goroutines that it has run on. Its zero value knows nothing. Any goroutine may call
// its methods at any time.
type Depth struct {
	moved atomic.Int32 // how many stacks in a row, up to deep
}

// deep is after how many stacks in a row the next one is made larger at once, and seldom
// how many of those there are for one that is not, which is how to learn that it need not be.
const (
	deep   = 2
	seldom = 64
)

// Deep reports whether the next goroutine is to begin with a larger stack, see [Start].
func (d *Depth) Deep() bool { return d.moved.Load() == deep && rand.Uint32()%seldom != 0 }

// Note is told of a goroutine on which the function has returned that Start has not given
// a larger stack: whether its [Address] has changed meanwhile.
func (d *Depth) Note(moved bool) {
	switch n := d.moved.Load(); {
	case !moved && n > 0:
		d.moved.Store(0)
	case moved && n < deep:
		d.moved.Store(n + 1)
	}
}

// Address is where the stack of the caller's goroutine is. It changes when package
// runtime has moved the stack, to make it larger or smaller.
//
//go:noinline
func Address() uintptr {
	var here byte
	return uintptr(unsafe.Pointer(&here))
}

// growStack makes the stack of this goroutine larger, which has just begun. That has to
// copy what the stack holds, frame by frame, so it is cheap now and dear in the middle of
// a handler; and it is one step, where the runtime would double the size again and
// again.
func growStack() { need14KB(0) }

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
