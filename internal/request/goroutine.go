package request

import (
	"bytes"
	"runtime"
	"sync/atomic"
	"time"
)

// goroutines counts the goroutines of lastbyte that have something left to do.
var goroutines atomic.Int64

// Go runs f on a goroutine of lastbyte; none starts otherwise, but those of
// internal/peer. last is the last that happens there, also where f calls
// runtime.Goexit: it tells who waits for the goroutine. Go has to be a function of
// its own in the trace of a stack, for [Gone].
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
var startedByGo = []byte("\ncreated by github.com/lastbyte-go/lastbyte/internal/request.Go in goroutine ")

// Gone returns when none is left of the goroutines whose last function has been
// called. Such a one still has to return, and nothing that it does before can say
// that it has. So this looks: if there are as many goroutines as have something
// left to do, none of the others is there any more.
//
// It is for the end of a program. A look stops the world for as long as writing
// the traces of all goroutines takes; mostly, the first one is enough. In a process
// that goes on starting and ending such goroutines there may be none that is, and
// it returns after some. And it does not look where there are so many goroutines,
// other people's, that a shutdown would have to wait for the looks: what is left
// to do for those that it is about takes no time.
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
