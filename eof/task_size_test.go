package eof

import (
	"testing"
	"unsafe"
)

// A task fits into one of Go's size classes, to the last 8 bytes: many may wait at once.
func TestTask_Size(t *testing.T) {
	t.Parallel()
	const class = 288
	if n := unsafe.Sizeof(task{}); n > class {
		t.Errorf("a task has %d bytes, want at most %d", n, class)
	}
}
