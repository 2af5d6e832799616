package request_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// FuzzRequest reads bytes as a sequence of events. The first byte says what the
// world is like; two are an event each. Where an event is over before the next
// begins, each call has to give what the model gives; where they race, what
// must hold whoever wins.
func FuzzRequest(f *testing.F) {
	for i := range 8 {
		f.Add(sequence(uint64(i), 12))
	}
	f.Fuzz(func(t *testing.T, data []byte) { play(t, data) })
}

// TestModel_RandomSequences is a piece of FuzzRequest for every run.
func TestModel_RandomSequences(t *testing.T) {
	t.Parallel()
	for i := range uint64(testkit.Rounds(250, 1000)) {
		if !t.Run(fmt.Sprint(i), func(t *testing.T) { play(t, sequence(i, int(4+i%24))) }) {
			return
		}
	}
}

func sequence(seed uint64, events int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, 1+2*events)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// play runs one sequence.
func play(t *testing.T, data []byte) {
	if len(data) == 0 {
		return
	}
	data = data[:min(len(data), 1+2*64)]
	synctest.Test(t, func(t *testing.T) {
		w, m := newWorld(t, data[0])
		t.Cleanup(func() { // a bubble ends with all its goroutines
			w.finish()
			_ = w.life.Shutdown(context.Background())
		})
		said := describe(data[0])
		for ; len(data) > 2; data = data[2:] {
			said = step(t, w, m, said, events[int(data[1])%len(events)], data[2])
		}
		w.finish()
		m.back, m.threads, m.calling = true, 0, false
		_ = m.settle()
		if !w.returned {
			t.Fatalf("%s: ServeHTTP has not returned, though every goroutine has", said)
		}
		for _, e := range events { // a handler that has leaked all it had
			said = step(t, w, m, said, e, 0)
		}
		w.check(t, m, said)
	})
}

// step has e happen, and compares.
func step(t *testing.T, w *world, m *model, said string, e event, arg byte) string {
	t.Helper()
	said += fmt.Sprintf(" %s(%d)", e.name, arg)
	// What the model says may depend on who is there to do it: first the model.
	want := e.model(m, arg)
	got := e.real(w, arg)
	if !w.loose && (want == nil && got != nil || want != nil && !errors.Is(got, want)) {
		t.Fatalf("%s = %v, want %v\n%+v", said, got, want, *m)
	}
	if ctx := w.handler.ctx; !w.loose && (ctx.Err() != nil) != m.cancelled {
		t.Fatalf("%s: the handler's Err() = %v, %v, want an end: %t\n%+v", said, ctx.Err(), context.Cause(ctx), m.cancelled, *m)
	}
	if err := w.invariants(); err != nil {
		t.Fatalf("%s: %v", said, err)
	}
	return said
}
