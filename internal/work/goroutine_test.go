package work

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// TestB10_LookBesideStarts: goroutines that begin and end while the traces are written make
// nobody believe that one has ended which has not.
func TestB10_LookBesideStarts(t *testing.T) {
	stays, left := make(chan struct{}), make(chan struct{})
	Go(func() {}, func() {
		close(left)
		<-stays
	})
	<-left // it is done, and has not ended

	var stop atomic.Bool
	var starters sync.WaitGroup
	for range 4 {
		starters.Go(func() {
			for !stop.Load() {
				ended := make(chan struct{})
				Go(func() {}, func() { close(ended) })
				<-ended
			}
		})
	}
	buf := make([]byte, 64<<10)
	for i := range 300 {
		var gone bool
		if gone, buf = look(buf); gone {
			t.Errorf("look %d: all have ended, want one that has not", i)
			break
		}
		runtime.Gosched()
	}
	stop.Store(true)
	starters.Wait()
	close(stays)
	for gone := false; !gone; gone, buf = look(buf) { // now it ends
		runtime.Gosched()
	}
}
