package main

import (
	"testing"

	"github.com/google/pprof/profile"
)

// A sample belongs to one part, whatever is around it.
func TestPartOf(t *testing.T) {
	for _, c := range []struct {
		want  string
		stack []string // the innermost first
	}{
		{"memory", []string{"runtime.nextFreeFast", "runtime.mallocgcSmallScanNoHeader", "runtime.newobject", lastbyte + "internal/request.(*handler).outermost"}},
		{"stack", []string{"runtime.step", "runtime.copystack", "runtime.newstack"}},
		{"goroutines", []string{"runtime.runqput", "runtime.newproc.func1", "runtime.systemstack", "runtime.newproc"}},
		{"timers", []string{"runtime.unlock2", "time.stopTimer", "time.(*Timer).Stop", "context.WithDeadlineCause.func3"}},
		{"clock", []string{"runtime.nanotime", "time.runtimeNano", "time.Since", lastbyte + "internal/work.Now"}},
		{"context", []string{"context.value", "context.(*valueCtx).Value", lastbyte + "internal/request.From"}},
		{"locks, atomics", []string{"internal/sync.(*Mutex).Lock", "sync.(*Mutex).Lock", lastbyte + "internal/request.(*Request).drain"}},
		{"locks, atomics", []string{lastbyte + "internal/gate.(*Gate).Enter", lastbyte + "internal/request.(*Writer).Write"}},
		{"lastbyte", []string{lastbyte + "internal/request.(*Writer).Write", "net/http.HandlerFunc.ServeHTTP"}},
		{"the rest", []string{"net/http.HandlerFunc.ServeHTTP", lastbyte + "internal/request.(*Request).serveOnce"}},
		{"the rest", nil},
	} {
		s := new(profile.Sample)
		for _, f := range c.stack {
			s.Location = append(s.Location, &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: f}}}})
		}
		if got := parts[partOf(s)].name; got != c.want {
			t.Errorf("%q belongs to %q, want %q", c.stack, got, c.want)
		}
	}
}
