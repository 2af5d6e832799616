package work

import (
	"bytes"
	"runtime"
	"sync/atomic"
	"time"
)

// begun counts the goroutines of lastbyte, and done those of them that have nothing left
// to do but to end.
var begun, done atomic.Int64

// Goroutine is what runs on a goroutine of lastbyte.
type Goroutine interface {
	Run() // may call runtime.Goexit

	// Left is the last call on the goroutine, in any case: it tells the one who waits for
	// the goroutine.
	Left()
}

// Start runs g on a goroutine of lastbyte; all of them are started here, but those
// of internal/peer. deep: g is known to need more stack than a goroutine begins with.
// Start must not be inlined, since [Gone] looks for its name in stack traces.
//
//go:noinline
func Start(g Goroutine, deep bool) {
	go func() {
		if deep {
			growStack()
		}
		defer func() {
			done.Add(1) // first, so that who is told does not count it
			g.Left()
		}()
		g.Run()
	}()
	begun.Add(1) // after it, see look
}

// Go is Start for two functions.
func Go(f, last func()) { Start(&functions{f, last}, false) }

type functions struct{ run, left func() }

func (f *functions) Run()  { f.run() }
func (f *functions) Left() { f.left() }

// startedBy is what the trace of a goroutine ends with that Start has started.
var startedBy = []byte("\ncreated by github.com/lastbyte-go/lastbyte/internal/work.Start in goroutine ")

// Gone returns when no goroutine is left whose last function has been called. Such a
// goroutine still has to return from that function, and nothing that it does before
// can say that it has. So Gone looks at the stack traces: if they show as many
// goroutines of [Start] as have something left to do, all others have ended.
//
// It is for the end of a program. A look stops the world for as long as writing
// the traces of all goroutines takes; mostly, one is enough. A process that goes on
// starting and ending such goroutines may show a different number at every look, so
// Gone gives up after 100 ms, or after some looks where the clock is a bubble's. It does
// not look at all in a process with very many goroutines of other people's, where a
// shutdown would wait longer for the looks than for the few instructions that the ending
// goroutines have left to do.
func Gone() {
	buf := make([]byte, 64<<10)
	begin := time.Now()
	for range 1_000 { // many, since the kernel may have taken the processor from one that ends
		if runtime.NumGoroutine() > mostTraced || time.Since(begin) > 100*time.Millisecond {
			runtime.Gosched()
			continue
		}
		var gone bool
		if gone, buf = look(buf); gone {
			return
		}
		runtime.Gosched()
	}
}

// look reports whether all goroutines that are done have ended, by traces in buf, which
// it enlarges.
//
// A goroutine is in the traces from the go statement until it has ended, and it is counted
// as begun after the one and as done before the other. So the counts never say more than
// the traces show, and as much only where none is done that has not ended. The counts are
// those of the moment of the traces, since neither has grown while they were written.
func look(buf []byte) (bool, []byte) {
	b, d := begun.Load(), done.Load()
	n := runtime.Stack(buf, true)
	for n == len(buf) && n < 64<<20 {
		buf = make([]byte, 2*n)
		n = runtime.Stack(buf, true)
	}
	shown := bytes.Count(buf[:n], startedBy)
	return int64(shown) == b-d && begun.Load() == b && done.Load() == d, buf
}

// mostTraced is with how many goroutines Gone still looks at all of them.
const mostTraced = 10_000
