package rows

import (
	"context"
	"io"
	"log"
	"math"
	"net/http"
	"runtime"
	"time"
)

// sink is a ResponseWriter with the method set of net/http's HTTP/1 writer that
// costs next to nothing, so that what is measured is the middleware.
type sink struct {
	http.Hijacker
	io.ReaderFrom
	http.CloseNotifier
	header http.Header
}

func (s *sink) Header() http.Header               { return s.header }
func (s *sink) Write(p []byte) (int, error)       { return len(p), nil }
func (s *sink) WriteString(p string) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(int)                   {}
func (s *sink) Flush()                            {}
func (s *sink) FlushError() error                 { return nil }
func (s *sink) SetReadDeadline(time.Time) error   { return nil }
func (s *sink) SetWriteDeadline(time.Time) error  { return nil }
func (s *sink) EnableFullDuplex() error           { return nil }

// Loop is what a server does for a row, without the server: it serves one request after
// another, each with a context of its own that is cancelled after it.
type Loop struct {
	h    http.Handler
	base context.Context
	req  *http.Request
	w    *sink
}

// NewLoop returns a Loop for one goroutine.
func NewLoop(row Row) *Loop {
	req, err := http.NewRequest("GET", "http://example.com/", nil)
	if err != nil {
		panic(err)
	}
	srv := &http.Server{ErrorLog: log.New(io.Discard, "", 0)} // a Lifecycle says that it was not attached
	base := context.WithValue(context.Background(), http.ServerContextKey, srv)
	return &Loop{row, base, req, &sink{header: make(http.Header)}}
}

// Serve serves n requests.
func (l *Loop) Serve(n int) {
	for range n {
		ctx, cancel := context.WithCancel(l.base)
		l.h.ServeHTTP(l.w, l.req.WithContext(ctx))
		cancel()
		clear(l.w.header) // the next request has a new one
	}
}

// Cost is what do(1) takes from the heap, whichever goroutine does.
func Cost(do func(n int)) (allocs, bytes float64) {
	const runs = 2000
	do(runs) // what is made once: pools, parked goroutines
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do(runs)
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / runs, float64(after.TotalAlloc-before.TotalAlloc) / runs
}

// Rounds gives the time that do(1) takes of each in each round. In a round they take turns
// five times, each with n, and the quickest turn counts: what else the machine does only
// adds, and is the same for those who take turns.
func Rounds(rounds, n int, do ...func(n int)) [][]time.Duration {
	took := make([][]time.Duration, len(do))
	quickest := make([]time.Duration, len(do))
	for range rounds {
		for i := range quickest {
			quickest[i] = math.MaxInt64
		}
		for range 5 {
			for i, do := range do {
				begin := time.Now()
				do(n)
				quickest[i] = min(quickest[i], time.Since(begin))
			}
		}
		for i, d := range quickest {
			took[i] = append(took[i], d/time.Duration(n))
		}
	}
	return took
}
