package work

import (
	"bytes"
	"runtime"
	"sync/atomic"
	"time"
)

// goroutines counts the goroutines of lastbyte that have something left to do.
var goroutines atomic.Int64

// Goroutine is what runs on a goroutine of lastbyte.
type Goroutine interface {
	Run() // may call runtime.Goexit

	// Left is the last call on the goroutine, in any case: it tells the one who waits for
	// the goroutine.
	Left()
}

// Start runs g on a goroutine of lastbyte; all of them are started here, but those
// of internal/peer. It must not be inlined, since [Gone] looks for its name in
// stack traces.
//
//go:noinline
func Start(g Goroutine) {
	goroutines.Add(1)
	go run(g)
}

func run(g Goroutine) {
	defer func() {
		goroutines.Add(-1) // first, so that who is told does not count it
		g.Left()
	}()
	g.Run()
}

// Go is Start for two functions.
func Go(f, last func()) { Start(&functions{f, last}) }

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
// Gone gives up after some. It does not look at all in a process with very many
// goroutines of other people's, where a shutdown would wait longer for the looks
// than for the few instructions that the ending goroutines have left to do.
func Gone() {
	buf := make([]byte, 64<<10)
	begin := time.Now()
	for range 100 {
		if runtime.NumGoroutine() > mostTraced || time.Since(begin) > 100*time.Millisecond {
			runtime.Gosched()
			continue
		}
		before := goroutines.Load()
		n := runtime.Stack(buf, true)
		for n == len(buf) && n < 64<<20 {
			buf = make([]byte, 2*n)
			n = runtime.Stack(buf, true)
		}
		shown := bytes.Count(buf[:n], startedBy)
		if int64(shown) == before && goroutines.Load() == before {
			return
		}
		runtime.Gosched()
	}
}

// mostTraced is with how many goroutines Gone still looks at all of them.
const mostTraced = 10_000
