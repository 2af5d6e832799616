package work

import (
	"bytes"
	"runtime"
	"sync/atomic"
	"time"
)

// goroutines counts the goroutines of lastbyte that have something left to do.
var goroutines atomic.Int64

// Go runs f on a goroutine of lastbyte; all of them are started here, but those of
// internal/peer. last is called at the end of the goroutine, also where f calls
// runtime.Goexit: it tells the one who waits for the goroutine. Go must not be
// inlined, since [Gone] looks for its name in stack traces.
//
//go:noinline
func Go(f, last func()) {
	goroutines.Add(1)
	go func() {
		defer last()
		defer goroutines.Add(-1) // first, so that who is told does not count it
		f()
	}()
}

// startedByGo is what the trace of a goroutine ends with that Go has started.
var startedByGo = []byte("\ncreated by github.com/lastbyte-go/lastbyte/internal/work.Go in goroutine ")

// Gone returns when no goroutine is left whose last function has been called. Such a
// goroutine still has to return from that function, and nothing that it does before
// can say that it has. So Gone looks at the stack traces: if they show as many
// goroutines of [Go] as have something left to do, all others have ended.
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
		if int64(bytes.Count(buf[:n], startedByGo)) == before && goroutines.Load() == before {
			return
		}
		runtime.Gosched()
	}
}

// mostTraced is with how many goroutines Gone still looks at all of them.
const mostTraced = 10_000
