package lifecycle_test

import (
	"slices"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
)

// The goroutines of a request, which make the moves of this package and go through
// its gates, and every order in which they can take their steps. A step is what one
// lock, one atomic word or one call of the server's writer makes indivisible; it
// gives how many steps its goroutine goes on, 0 if it has to wait.
type move func(m *machine) int8

// plan says what the goroutines of a request do, and which rule is left out, to
// see that it is needed.
type plan struct {
	detach, panics         bool
	exit, send, on, broken string
}

// machine is a state of all of it; it is a map key.
type machine struct {
	at                          [7]int8
	s                           lifecycle.State
	registered, calling, served bool
	outer, own                  gateModel // before the server's writer, and Detach's
	once                        int8      // Detached.shut: not begun, begun, done
	live, started, using        int8      // threads and callback; callbacks begun; calls of the writer
	wrong                       *string   // what went wrong: the same for all states
}

type gateModel struct {
	inside int8
	shut   bool
}

// from is the state that a move to an ending starts from.
func (m *machine) from(p *plan) lifecycle.State {
	if p.broken == "the first ending wins" {
		return m.s &^ m.s.Winner()
	}
	return m.s
}

// to is the state that such a move leads to, and won says whether it won.
func (m *machine) to(next lifecycle.State, won bool) bool {
	if won && m.s.Decided() {
		*m.wrong = "two winners"
	}
	m.s = next | m.s.Winner()
	return won
}

// returns is Request.returnMove.
func (m *machine) returns(p *plan) int8 {
	m.to(m.from(p).Return())
	return 1
}

// touch is a call of the server's writer; n: it begins, or ends.
func (m *machine) touch(n int8) int8 {
	if m.using += n; m.using > 1 {
		*m.wrong = "two use the writer at once"
	}
	return m.control()
}

// control is one that may be made beside others.
func (m *machine) control() int8 {
	if m.served {
		*m.wrong = "the writer is used after ServeHTTP returned"
	}
	return 1
}

func (m *machine) call() {
	m.live, m.calling = m.live+1, true
	if m.started++; m.started > 1 {
		*m.wrong = "two callbacks"
	}
	if m.s.HasAny(lifecycle.Done) {
		*m.wrong = "the callback begins when all is over"
	}
}

func (m *machine) wake(p *plan, back bool) int8 {
	if !back && m.s.Winner() == lifecycle.Aborted {
		*m.wrong = "ServeHTTP returns ahead of the handler of a client that left"
	}
	if !back || m.s.Winner() != lifecycle.Sent || p.broken == "Send wakes by itself" {
		m.s, _ = m.s.Wake(false)
	}
	return 1
}

func (p *plan) enter(g func(*machine) *gateModel, refused int8) move {
	return func(m *machine) int8 {
		if g(m).shut {
			return refused
		}
		g(m).inside++
		return 1
	}
}

func leave(g func(*machine) *gateModel) move {
	return func(m *machine) int8 { g(m).inside--; return 1 }
}

func outer(m *machine) *gateModel { return &m.outer }
func own(m *machine) *gateModel   { return &m.own }

// cut is dropNow and wake: what follows an exit that drops.
func (p *plan) cut() []move {
	steps := []move{p.enter(outer, 3), (*machine).control, leave(outer), func(m *machine) int8 { return m.wake(p, false) }}
	if p.broken == "a cut goes through the gate" {
		steps[0], steps[2] = stay, stay
	}
	return steps
}

func stay(*machine) int8 { return 1 }

// exits is Request.Exit, or Request.expire.
func (p *plan) exits(kind string) []move {
	return append([]move{func(m *machine) int8 {
		code, said := 503, 0
		if kind == "drop" {
			code = 444
		}
		if m.s.HasAny(lifecycle.Committed) {
			said = 200
		}
		next, result := m.from(p).Exit(code, said, false)
		if kind == "timeout" {
			next, result = m.from(p).Expire(code)
		}
		switch m.to(next, result.Won()); {
		case result == lifecycle.ExitDrops:
			return 1
		case result.Won() && (kind == "page beside" || kind == "timeout"):
			return 4
		}
		return 5 // the handler's next write, or its return, goes on
	}}, p.cut()...)
}

// aborts is a witness: hold, abortMove, release.
func (p *plan) aborts() []move {
	return []move{func(m *machine) int8 {
		if m.s.HasAny(lifecycle.Drained) {
			return 3
		}
		m.live++
		return 1
	}, func(m *machine) int8 {
		next, result := m.from(p).Abort(m.registered, m.live == 0)
		m.to(next, result == lifecycle.AbortWins)
		if result == lifecycle.AbortCalls {
			m.call()
		}
		if result == lifecycle.AbortWins && p.broken == "an abort lets nobody go early" {
			m.wake(p, false)
		}
		return 1
	}, func(m *machine) int8 { m.live--; return 1 }}
}

// registers is Request.On.
func (p *plan) registers() []move {
	return []move{func(m *machine) int8 {
		if m.s.MayRegister() && !m.registered {
			if m.registered = true; m.s.HasAny(lifecycle.ClientGone) {
				m.call()
			}
		}
		return 1
	}}
}

// calls is the callback.
func (p *plan) calls() []move {
	steps := []move{func(m *machine) int8 { return map[bool]int8{true: 1}[m.calling] }}
	if p.on == "exits" {
		steps = append(steps, p.exits("drop")...)
	}
	return append(steps, func(m *machine) int8 { m.live--; return 1 })
}

// sends is Request.Send.
func (p *plan) sends() []move {
	steps := slices.Concat([]move{func(m *machine) int8 {
		next, result := m.from(p).Send(p.detach)
		if !m.to(next, result == lifecycle.SendWins) {
			return 99
		}
		return 1
	}}, p.shut(), write(), []move{func(m *machine) int8 { return m.wake(p, false) }})
	first, all := steps[0], int8(len(steps))
	steps[0] = func(m *machine) int8 { return min(first(m), all) }
	return steps
}

// write is a call of the writer by who may make it.
func write() []move {
	return []move{
		func(m *machine) int8 {
			if next, ok := m.s.Commit(200, false, false); ok {
				m.s = next
			}
			return m.touch(+1)
		},
		func(m *machine) int8 { return m.touch(-1) },
	}
}

// shut is Detached.shut.
func (p *plan) shut() []move {
	if p.broken == "Send and the server shut the gate" {
		return nil
	}
	return []move{func(m *machine) int8 {
		switch m.once {
		case 0:
			m.once, m.own.shut = 1, true
			return 1
		case 1:
			return 0
		}
		return 2
	}, func(m *machine) int8 {
		if m.own.inside > 0 {
			return 0
		}
		m.once = 2
		return 1
	}}
}
