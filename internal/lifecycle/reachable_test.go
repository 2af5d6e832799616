package lifecycle_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
)

// reach gives every world that some order of moves leads to, and after each of
// them.
func reach(detached bool) map[world][]step {
	first := world{detached: detached}
	filtered := first
	filtered.s = first.s.AddFilter()
	all := map[world][]step{first: nil, filtered: nil}
	for todo := []world{first, filtered}; len(todo) > 0; {
		w := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		all[w] = w.after()
		for _, next := range all[w] {
			if next.goroutines > 1 {
				continue // one is as good as several
			}
			if _, known := all[next.world]; !known {
				all[next.world] = nil
				todo = append(todo, next.world)
			}
		}
	}
	return all
}

// TestModel_EveryReachableState makes every move in every order, and checks what
// docs/lifecycle.md says of the state.
func TestModel_EveryReachableState(t *testing.T) {
	t.Parallel()
	for _, detached := range []bool{false, true} {
		all := reach(detached)
		states := map[lifecycle.State]bool{}
		for w, steps := range all {
			states[w.s] = true
			if wrong := w.wrong(); wrong != "" {
				t.Fatalf("detached %t: %v: %s", detached, w.s, wrong)
			}
			for _, next := range steps {
				if wrong := next.wrongAfter(w); wrong != "" {
					t.Fatalf("detached %t: %s leads from %v to %v: %s", detached, next.move, w.s, next.s, wrong)
				}
			}
		}
		if w, ok := stuck(all); ok {
			t.Errorf("detached %t: from %+v no move leads to the end", detached, w)
		}
		t.Logf("detached %t: %d states, %d worlds", detached, len(states), len(all))
	}
}

// wrong says what must not hold together.
func (w world) wrong() string {
	s := w.s
	is := s.HasAny
	implies := func(a, b bool) bool { return !a || b }
	for _, rule := range []struct {
		holds bool
		what  string
	}{
		{implies(is(lifecycle.Ended), s.Decided()), "ended without an ending"},
		{implies(is(lifecycle.Drained), s.Decided() && is(lifecycle.HandlerReturned)), "drained without an ending, or with the handler at work"},
		{implies(is(lifecycle.Done), is(lifecycle.Drained)), "done before it is drained"},
		{implies(is(lifecycle.Drained), w.goroutines == 0), "drained with a goroutine at work"},
		{implies(is(lifecycle.Ended) && !w.detached, is(lifecycle.Done)), "ended without Detach, and not done"},
		{implies(s.Winner() == lifecycle.Aborted, is(lifecycle.ClientGone)), "aborted by a client that is there"},
		{implies(s.Winner() == lifecycle.Sent, w.detached && !is(lifecycle.Hijacked)), "sent without Detach, or on a hijacked connection"},
		{implies(is(lifecycle.Dropping), s.Decided()), "a cut without an ending"},
		{implies(is(lifecycle.Woken), w.detached && s.Decided()), "woken without an ending"},
		{implies(is(lifecycle.Done) && w.detached, is(lifecycle.Woken)), "done with the serving goroutine asleep"},
		{implies(is(lifecycle.Stands), s.Winner() == lifecycle.Exited), "a response stands that no exit has beaten"},
		{implies(is(lifecycle.Rendered), s.Winner() == lifecycle.Exited), "a page without an exit"},
		{implies(is(lifecycle.Answered), s.Replaced()), "a layer answers for nobody"},
		{implies(is(lifecycle.Coded|lifecycle.Unsent), is(lifecycle.Committed)), "a header that was not committed is coded, or unsent"},
		{implies(is(lifecycle.Unsent), is(lifecycle.ClientGone)), "unsent to a client that is there"},
		{implies(is(lifecycle.TimedOut), s.Winner() == lifecycle.Exited), "a Timeout without an exit"},
		{implies(is(lifecycle.TimedOut), !is(lifecycle.Stands|lifecycle.Hijacked)), "a response stands, or is the handler's, that a Timeout has given up"},
	} {
		if !rule.holds {
			return rule.what
		}
	}
	return ""
}

// wrongAfter says what a move must not do.
func (next step) wrongAfter(w world) string {
	s, n := w.s, next.s
	set := n &^ s // what is new; a winner's bits are no facts
	is := func(facts lifecycle.State) bool { return set.HasAny(facts) }
	switch {
	case s.Decided() && n.Winner() != s.Winner() && next.move != "ExitByFilter" && !(next.move == "Fail" && s.Winner() == lifecycle.Returned):
		return "a winner is replaced"
	case s.Decided() && n.Winner() != s.Winner() && s.HasAny(lifecycle.Committed|lifecycle.Ended):
		return "a HeaderFilter, or a panic, replaces a response that is out"
	case s&^s.Winner()&^lifecycle.Filtering&^n != 0:
		return "a fact is taken back"
	case s.HasAny(lifecycle.Ended) && s.HasAny(lifecycle.Done) && n != s:
		return "something happens when all is over"
	case s.HasAny(lifecycle.Ended) && is(lifecycle.Committed|lifecycle.Rendered|lifecycle.Hijacked|lifecycle.Filtering|lifecycle.Answered):
		return "the writer is used after ServeHTTP"
	case s.HasAny(lifecycle.Committed) && is(lifecycle.Rendered):
		return "a page behind a header that is out"
	case s.Dropped() && is(lifecycle.Committed) && next.move != "CommitDrop":
		return "what is dropped looks like a response"
	case (next.move == "Expire" || next.move == "Fail") && n != s && s.HasAny(lifecycle.Committed) && !n.Dropped():
		return "a Timeout, or a panic, lets half of a response look complete"
	case s.HasAny(lifecycle.TimedOut) && next.move == "Commit" && !s.HasAny(lifecycle.Answered):
		return "a response goes out that a Timeout has given up"
	case s.HasAny(lifecycle.Unfiltered) && is(lifecycle.Committed) && next.said == 200 && w.said == 0:
		return "a success goes out that no HeaderFilter has seen"
	case s.HasAny(lifecycle.Committed) && (next.move == "Commit" || next.move == "CommitDrop"):
		return "committed twice"
	case next.callback == 2 && w.callback == 2 && next.goroutines > w.goroutines && next.move != "Spawn" && next.move != "AfterFunc":
		return "two callbacks"
	case s.HasAny(lifecycle.Drained) && next.goroutines > w.goroutines:
		return "a goroutine begins when none is left"
	}
	return ""
}

// stuck finds a world from which no moves lead to a request that has ended and is
// done.
func stuck(all map[world][]step) (world, bool) {
	before := map[world][]world{}
	var todo []world
	ends := map[world]bool{}
	for w, steps := range all {
		for _, next := range steps {
			before[next.world] = append(before[next.world], w)
		}
		if w.s.HasAny(lifecycle.Ended) && w.s.HasAny(lifecycle.Done) {
			ends[w] = true
			todo = append(todo, w)
		}
	}
	for len(todo) > 0 {
		w := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, b := range before[w] {
			if !ends[b] {
				ends[b] = true
				todo = append(todo, b)
			}
		}
	}
	for w := range all {
		if !ends[w] {
			return w, true
		}
	}
	return world{}, false
}

// factNames has the name of every fact.
func factNames() (names []string) {
	for bit := lifecycle.Committed; bit != 0; bit <<= 1 {
		if _, name, ok := strings.Cut(bit.String(), "|"); ok {
			names = append(names, name)
		}
	}
	return names
}

// TestState_NamesAreDocumented: the tables of docs/lifecycle.md have a row for each
// fact of the state, and for nothing else.
func TestState_NamesAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/lifecycle.md")
	if err != nil {
		t.Fatal(err)
	}
	_, facts, _ := strings.Cut(string(text), "\n## The facts\n")
	facts, _, ok := strings.Cut(facts, "\n## ")
	if !ok {
		t.Fatal(`docs/lifecycle.md has no section "The facts"`)
	}
	var rows []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(facts, -1) {
		rows = append(rows, row[1])
	}
	names := factNames()
	slices.Sort(rows)
	slices.Sort(names)
	if !slices.Equal(rows, names) {
		t.Errorf("docs/lifecycle.md has rows for the facts\n%q, want those of lifecycle.State,\n%q", rows, names)
	}
	for w := lifecycle.Serving; w <= lifecycle.Sent; w++ {
		if !strings.Contains(string(text), "`"+w.String()+"`") {
			t.Errorf("docs/lifecycle.md does not name the winner %v", w)
		}
	}
}

func TestState_String(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		s    lifecycle.State
		want string
	}{
		{lifecycle.Serving, "serving"},
		{lifecycle.Exited | lifecycle.Committed | lifecycle.Unsent, "exited|committed|unsent"},
		{lifecycle.Sent + 1, "no winner"},
	} {
		if got := test.s.String(); got != test.want {
			t.Errorf("State(%#x).String() = %q, want %q", uint32(test.s), got, test.want)
		}
	}
}
