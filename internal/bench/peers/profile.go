package main

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"github.com/lastbyte-go/lastbyte/internal/bench/rows"
)

// profiled are the rows whose time is taken apart.
var profiled = []string{
	"bare", "chiTimeout", "TimeoutHandler", "contextAfterFunc", "floorCopy", "floorHandover", "Check", "CheckOn", "CheckExit", "Timeout",
	"Detach", "DetachSend", "TimeoutDetach", "Lifecycle", "LifecycleLog", "LifecycleExit", "LifecycleDetachSend",
}

// lastbyte begins the names of its functions.
const lastbyte = "github.com/lastbyte-go/lastbyte/"

// A part is what the time of a request goes into: the samples that none before it has, and
// whose stack has a function that begins with one of these words, or whose innermost
// function does.
type part struct {
	name           string
	any, innermost []string
}

var parts = []part{
	{"memory", []string{"runtime.mallocgc", "runtime.gc", "runtime.bgsweep", "runtime.bgscavenge", "runtime.wbBufFlush", "runtime.bulkBarrierPreWrite"}, nil},
	{"stack", []string{"runtime.newstack"}, nil},
	{"goroutines", []string{"runtime.newproc", "runtime.mcall", "runtime.goready", "runtime.ready", "runtime.semacquire1", "runtime.semrelease1", "runtime.chanrecv", "runtime.closechan", "runtime.selectgo", "runtime.goexit0"}, nil},
	{"timers", []string{"time.newTimer", "time.stopTimer", "time.(*Timer)"}, nil},
	{"clock", []string{"time.Now", "time.Since"}, nil},
	{"context", nil, []string{"context."}},
	{"locks, atomics", nil, []string{"sync.", "sync/atomic.", "internal/sync.", "internal/runtime/atomic.", lastbyte + "internal/gate."}},
	{"lastbyte", nil, []string{lastbyte}},
	{"the rest", nil, []string{""}},
}

// takeApart has each row serve requests with one processor under the profiler of package
// runtime, and gives the nanoseconds of a request that each part has taken.
func takeApart(o options) (Table, error) {
	columns := []string{"row", "ns"}
	for _, p := range parts {
		columns = append(columns, p.name)
	}
	t := newTable("Where the time of a request goes, without a server: nanoseconds", columns...)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(1000)) // a process with so little in its heap collects all the time
	list, drain := handlers(rows.Shallow, io.Discard)
	for _, row := range list {
		if !slices.Contains(profiled, row.Name) {
			continue
		}
		took, err := profileOf(rows.NewLoop(row).Serve, time.Duration(o.roundsOr(40))*50*time.Millisecond)
		if err != nil {
			return t, err
		}
		var sum float64
		cells := []any{0.}
		for _, ns := range took {
			sum += ns
			cells = append(cells, ns)
		}
		cells[0] = sum
		t.add(row.Name, cells...)
	}
	return t, drain()
}

// profileOf gives the nanoseconds of do(1) that each of the parts takes, from some time of
// it.
func profileOf(do func(n int), during time.Duration) (took []float64, err error) {
	const many = 1000
	do(10 * many)
	var raw bytes.Buffer
	if err := pprof.StartCPUProfile(&raw); err != nil {
		return nil, err
	}
	n, begin := 0, time.Now()
	for ; time.Since(begin) < during; n += many {
		do(many)
	}
	each := float64(time.Since(begin).Nanoseconds()) / float64(n)
	pprof.StopCPUProfile()
	p, err := profile.Parse(&raw)
	if err != nil {
		return nil, err
	}
	took = make([]float64, len(parts))
	var all float64
	for _, s := range p.Sample {
		i, weight := partOf(s), float64(s.Value[0])
		took[i] += weight
		all += weight
	}
	if all == 0 {
		return nil, errors.New("the profile is empty")
	}
	for i := range took {
		took[i] *= each / all
	}
	return took, nil
}

// partOf gives the index of the part that s belongs to.
func partOf(s *profile.Sample) int {
	var stack []string // the innermost first
	for _, l := range s.Location {
		for _, line := range l.Line {
			stack = append(stack, line.Function.Name)
		}
	}
	if len(stack) == 0 { // the profiler could not tell
		return len(parts) - 1
	}
	return slices.IndexFunc(parts, func(p part) bool {
		return anyBegins(stack, p.any) || anyBegins(stack[:1], p.innermost)
	})
}

// anyBegins reports whether one of these functions begins with one of the words.
func anyBegins(functions, words []string) bool {
	return slices.ContainsFunc(functions, func(f string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(f, w) })
	})
}
