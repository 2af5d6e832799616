package request_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// invariants gives what must not be, whoever wins.
func (w *world) invariants() error {
	w.mu.Lock()
	calls, outcomes := w.calls, len(w.outcomes)
	w.mu.Unlock()
	before, now := w.state, request.StateOf(w.req)
	w.state = now
	switch {
	case before.Decided() && before.Winner() != now.Winner() && !(w.filter && now.Winner() == lifecycle.Exited):
		return fmt.Errorf("state %v after %v: a winner is replaced", now, before)
	case before&^before.Winner()&^lifecycle.Filtering&^now != 0:
		return fmt.Errorf("state %v after %v: a fact is taken back", now, before)
	case calls > 1:
		return fmt.Errorf("the callback was called %d times", calls)
	case outcomes > 1:
		return fmt.Errorf("OnEnd was called %d times", outcomes)
	}
	return w.wire.found()
}

// finish has everybody return.
func (w *world) finish() {
	w.race = false
	synctest.Wait()
	drops := w.state.Winner() == lifecycle.Aborted
	if e := w.req.Exited(); e != nil && w.state.Winner() == lifecycle.Exited {
		drops = isDrop(e.Code)
	}
	w.wire.set(func() {
		if drops && w.wire.inside > 0 {
			w.wire.wrong = append(w.wire.wrong, "a Write is stuck, though the connection is dropped")
		}
		w.wire.free = true
	})
	_ = w.last(w.handler, func() {})
	synctest.Wait()
	for { // a thread may have begun others
		a := w.lastThread()
		if a == nil {
			a = w.atWork()
		}
		if a == nil || a.gone {
			return
		}
		_ = w.last(a, func() {})
	}
}

// check is what can be said at the end.
func (w *world) check(t *testing.T, m *model, said string) {
	t.Helper()
	if err := w.life.Shutdown(context.Background()); err != nil {
		t.Fatalf("%s: Shutdown() = %v, want nil", said, err)
	}
	synctest.Wait()
	if err := w.invariants(); err != nil || !w.state.Decided() {
		t.Fatalf("%s: state %v, %v, want a winner and no error", said, w.state, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.outcomes) != 1 {
		t.Fatalf("%s: OnEnd was called %d times, want once", said, len(w.outcomes))
	}
	o := w.outcomes[0]
	count := func(b bool) uint64 { return map[bool]uint64{true: 1}[b] }
	want := middleware.Stats{Requests: 1, Aborts: count(o.Abort != nil), Exits: count(o.Exited), EOFs: count(o.EOF > 0)}
	got := w.life.Stats()
	want.Background.Done, want.Background.Panicked = got.Background.Done, got.Background.Panicked
	switch {
	case got != want:
		t.Errorf("%s: Stats() = %+v, want %+v", said, got, want)
	case w.ran != w.accepted || got.Background.Done < uint64(w.ran):
		t.Errorf("%s: %d tasks ran, %d are counted, want the %d that were accepted", said, w.ran, got.Background.Done, w.accepted)
	case w.calls == 1 && o.Abort == nil:
		t.Errorf("%s: the callback ran, Outcome = %+v, want an abort", said, o)
	case o.Bytes != w.wire.bytes, o.Sent != 0 && w.wire.status != 0 && o.Sent != w.wire.status:
		t.Errorf("%s: Outcome = %+v, the server saw %d, %d bytes", said, o, w.wire.status, w.wire.bytes)
	}
	if w.loose {
		return
	}
	if (o.Abort != nil) != m.gone || (o.EOF > 0) != (m.winner == "sent") || w.calls != m.calls || w.learned != m.learned || w.accepted != m.tasks {
		t.Errorf("%s: Outcome = %+v, %d calls of the callback, %d of AfterFunc's, %d tasks, want\n%+v", said, o, w.calls, w.learned, w.accepted, *m)
	}
	o.Abort, o.EOF, o.Start, o.Duration = nil, 0, time.Time{}, 0
	told := m.told
	if !reflect.DeepEqual(o, told) {
		t.Errorf("%s: Outcome = %+v, want %+v", said, o, told)
	}
	status := 0
	if m.committed || m.winner == "aborted" || m.winner == "exited" && m.code != -1 {
		status = m.status
	}
	if w.wire.status != status {
		t.Errorf("%s: a handler around sees %d, want %d; %+v", said, w.wire.status, status, told)
	}
}
