package lifecycle_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
)

// commits is a write through the outer gate, see Request.commit. Without Detach
// it is where the page of an exit is written.
func (p *plan) commits() []move {
	w := write()
	return []move{p.enter(outer, 4), func(m *machine) int8 {
		switch next, ok := m.s.Render(); {
		case m.s.Passes(false, false):
			return w[0](m)
		case !p.detach && m.s.AnswersExit() && ok:
			m.s = next.CommitPage()
			return m.touch(+1)
		}
		return 2
	}, w[1], leave(outer)}
}

// handles is Detached.Run.
func (p *plan) handles() []move {
	inner := p.commits()
	steps := slices.Concat([]move{p.enter(own, int8(3+len(inner))), func(m *machine) int8 {
		if m.s.Passes(true, false) {
			return 1
		}
		if m.s.Winner() == lifecycle.Exited && !m.s.HasAny(lifecycle.Woken|lifecycle.Stands) {
			m.wake(p, false)
		}
		return int8(1 + len(inner))
	}}, inner, []move{leave(own)})
	if p.send == "handler" {
		steps = append(steps, p.sends()...)
	}
	wake := func(m *machine) int8 { return m.wake(p, true) }
	if p.panics {
		steps = append(steps, func(m *machine) int8 { return m.returns(p) }, wake, p.drain)
	} else {
		steps = append(steps, p.drain, wake)
	}
	return append(steps, (*machine).over)
}

// over: handler, threads and callback have returned.
func (m *machine) over() int8 {
	if m.s = m.s.Finish(); m.live > 0 {
		*m.wrong = "done before the request's goroutines"
	}
	return 1
}

// drain waits for threads and callback, and decides in the same step.
func (p *plan) drain(m *machine) int8 {
	if m.live > 0 && p.broken != "the end waits for the request's goroutines" {
		return 0
	}
	m.to(m.from(p).Drain())
	return 1
}

// serves is the server's goroutine, up to the end of ServeHTTP.
func (p *plan) serves() []move {
	var steps []move
	if p.detach {
		steps = append(steps, func(m *machine) int8 { return map[bool]int8{true: 1}[m.s.HasAny(lifecycle.Woken)] })
		steps = append(steps, p.shut()...)
		steps = append(steps, func(m *machine) int8 { return m.returns(p) })
	} else {
		steps = append(p.commits(), p.drain)
	}
	w := write()
	steps = append(steps, func(m *machine) int8 { // respond
		switch next, ok := m.s.Render(); {
		case m.s.Dropped():
			m.s = m.s.Drop()
			return 1
		case m.s.AnswersExit() && !m.s.HasAny(lifecycle.Stands) && ok:
			m.s = next.CommitPage()
			return 1
		}
		return 5
	}, p.enter(outer, 4), w[0], w[1], leave(outer))
	if p.broken != "the end closes the gate" {
		steps = append(steps, func(m *machine) int8 { m.outer.shut = true; return 1 },
			func(m *machine) int8 { return map[bool]int8{true: 1}[m.outer.inside == 0] })
	}
	return append(steps, func(m *machine) int8 {
		if m.s = m.s.End(p.detach); !p.detach {
			m.over()
		}
		return 1
	}, func(m *machine) int8 { m.served = true; return 1 })
}

// explore takes every order of steps. It gives the number of states, and what
// went wrong first.
func (p *plan) explore() (states int, wrong string) {
	first := machine{wrong: &wrong}
	all := [len(machine{}.at)][]move{p.serves(), nil, nil, p.aborts()}
	if p.detach {
		all[1] = p.handles()
	}
	if p.exit != "" {
		all[2] = p.exits(p.exit)
	}
	if p.on != "" {
		all[4], all[5] = p.registers(), p.calls()
	}
	if p.send == "beside" {
		all[6] = p.sends()
	}
	seen := map[machine]bool{first: true}
	for todo := []machine{first}; len(todo) > 0; {
		m := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		stuck := true
		for g, steps := range all {
			next := m
			if int(m.at[g]) == len(steps) {
				continue
			}
			n := steps[m.at[g]](&next)
			if n == 0 {
				continue
			}
			stuck = false
			if next.at[g] += n; !seen[next] {
				seen[next] = true
				todo = append(todo, next)
			}
			if wrong != "" {
				return len(seen), fmt.Sprintf("%s: %+v", wrong, next)
			}
		}
		if stuck && (!m.served || !m.s.HasAny(lifecycle.Done) || !m.s.Decided() || m.live > 0) {
			return len(seen), fmt.Sprintf("everybody waits: %+v", m)
		}
	}
	return len(seen), ""
}

// plans are all that a plan can be.
func plans(broken string) (all []plan) {
	for _, exit := range []string{"", "drop", "page", "page beside", "timeout"} {
		for _, on := range []string{"", "returns", "exits"} {
			all = append(all, plan{exit: exit, on: on, broken: broken})
			for _, send := range []string{"", "handler", "beside"} {
				for _, panics := range []bool{false, true} {
					all = append(all, plan{detach: true, exit: exit, on: on, send: send, panics: panics, broken: broken})
				}
			}
		}
	}
	return all
}

// TestModel_EveryInterleaving: there is one winner, one callback at most, nobody
// at the writer after ServeHTTP has returned or beside another, and ServeHTTP
// returns, in whatever order the moves are made.
func TestModel_EveryInterleaving(t *testing.T) {
	t.Parallel()
	total := 0
	for _, p := range plans("") {
		n, wrong := p.explore()
		if total += n; wrong != "" {
			t.Errorf("%+v: %s", p, wrong)
		}
	}
	t.Logf("%d states", total)
}

// TestModel_EachRuleIsNeeded: a model that is right whatever is left out says
// nothing.
func TestModel_EachRuleIsNeeded(t *testing.T) {
	t.Parallel()
	for _, broken := range []string{
		"the first ending wins", "Send wakes by itself", "a cut goes through the gate",
		"Send and the server shut the gate", "the end closes the gate", "an abort lets nobody go early", "the end waits for the request's goroutines",
	} {
		found := false
		for _, p := range plans(broken) {
			if _, wrong := p.explore(); wrong != "" {
				found = true
				break
			}
		}
		if !found {
			t.Errorf("without the rule that %s nothing goes wrong", broken)
		}
	}
}
