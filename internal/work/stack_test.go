package work_test

import (
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// A function is known to need a larger stack once two stacks in a row have moved, and
// until one has not.
func TestDepth(t *testing.T) {
	var d work.Depth
	deep := func() (n int) { // of 1,000, as the answer is left to chance
		for range 1000 {
			if d.Deep() {
				n++
			}
		}
		return n
	}
	for i, step := range []struct{ moved, deep bool }{
		{false, false}, {true, false}, {false, false}, {true, false}, {true, true}, {true, true}, {false, false}, {true, false}, {true, true},
	} {
		d.Note(step.moved)
		switch n := deep(); {
		case !step.deep && n > 0:
			t.Errorf("step %d: deep %d times of 1000, want 0", i, n)
		case step.deep && (n < 900 || n == 1000):
			t.Errorf("step %d: deep %d times of 1000, want most times, and not always", i, n)
		}
	}
}

type deepWork struct {
	moved bool
	over  chan struct{}
}

func (w *deepWork) Left() { close(w.over) }

func (w *deepWork) Run() {
	before := work.Address()
	use8KB(1)
	w.moved = work.Address() != before
}

//go:noinline
func use8KB(x byte) byte {
	var buf [8 << 10]byte
	for i := range buf {
		buf[i] = x
	}
	return buf[int(x)*17]
}

// A goroutine that begins with a larger stack does not have it moved by a function that
// takes 8 KB.
func TestStart_Deep(t *testing.T) {
	moved := func(deep bool) (n int) {
		for range 20 {
			w := &deepWork{over: make(chan struct{})}
			work.Start(w, deep)
			<-w.over
			if w.moved {
				n++
			}
		}
		return n
	}
	if n := moved(true); n > 2 { // a garbage collection may make a stack smaller
		t.Errorf("%d of 20 stacks that began larger have moved, want none", n)
	}
	if n := moved(false); n < 18 && !testkit.Race {
		t.Errorf("%d of 20 stacks that began as any have moved, want all: this test shows nothing", n)
	}
}
