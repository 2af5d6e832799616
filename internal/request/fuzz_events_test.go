package request_test

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/request"
)

var codes = []exitcode.Code{404, 444, 200, 503, 499, 304, 408, -1, 204, 302, 600, 999, 0, 100, 1000, -2}

// event is one thing that may happen, in the world and in the model.
type event struct {
	name  string
	real  func(w *world, arg byte) error
	model func(m *model, arg byte) error
}

func code(arg byte) exitcode.Code { return codes[int(arg>>2)%len(codes)] }

var errSome = errors.New("some error")

var events = []event{
	{"write", func(w *world, arg byte) error {
		return w.own(func() error {
			n, err := w.w.Write(make([]byte, arg))
			if err == nil && n != int(arg) {
				return fmt.Errorf("%d bytes of %d written", n, arg)
			}
			return err
		})
	}, func(m *model, arg byte) error { return m.write(int64(arg)) }},
	{"header", func(w *world, arg byte) error {
		return w.own(func() error { w.w.WriteHeader(statuses[int(arg)%len(statuses)]); return nil })
	}, func(m *model, arg byte) error { return m.header(statuses[int(arg)%len(statuses)]) }},
	{"flush", func(w *world, _ byte) error {
		return w.own(func() error { return http.NewResponseController(w.w).Flush() })
	}, func(m *model, _ byte) error { return m.flush() }},
	{"exit", func(w *world, arg byte) error {
		a, ctx := w.who(arg)
		return w.by(a, func() error { return exitcode.Exit(ctx, code(arg)) })
	}, func(m *model, arg byte) error { return m.exits(code(arg), m.beside(arg)) }},
	{"throw", func(w *world, arg byte) error {
		return w.last(w.handler, func() { exitcode.Throw(w.r.Context(), code(arg)) })
	}, func(m *model, arg byte) error {
		if m.back {
			return nil
		}
		if errors.Is(m.exits(code(arg), false), exitcode.ErrInvalidCode) {
			return m.panics(true, false)
		}
		m.back = true
		return m.settle()
	}},
	{"leave", func(w *world, _ byte) error { return w.ends(nil) }, func(m *model, _ byte) error { return m.leaves() }},
	{"outer", func(w *world, _ byte) error { return w.ends(errSome) }, func(m *model, _ byte) error { return m.outers() }},
	{"on", func(w *world, arg byte) error {
		a, ctx := w.who(arg)
		return w.by(a, func() error { return abort.On(ctx, w.callback) })
	}, func(m *model, _ byte) error { return m.ons() }},
	{"after", func(w *world, arg byte) error {
		a, ctx := w.who(arg)
		return w.by(a, func() error { abort.AfterFunc(ctx, w.learn); return nil })
	}, func(m *model, _ byte) error { return m.afters() }},
	{"expire", func(w *world, _ byte) error { return w.expires() }, func(m *model, _ byte) error { return m.expires() }},
	{"send", func(w *world, arg byte) error {
		a, ctx := w.who(arg)
		return w.by(a, func() error { return eof.Send(ctx) })
	}, func(m *model, _ byte) error { return m.sends() }},
	{"hijack", func(w *world, _ byte) error {
		return w.own(func() error { _, _, err := http.NewResponseController(w.w).Hijack(); return err })
	}, func(m *model, _ byte) error { return m.hijacks() }},
	{"spawn", func(w *world, arg byte) error {
		a, ctx := w.who(arg)
		return w.by(a, func() error { return w.spawn(ctx) })
	}, func(m *model, _ byte) error { return m.spawns() }},
	{"defer", func(w *world, arg byte) error {
		a, ctx := w.who(arg)
		return w.by(a, func() error {
			err := eof.Defer(ctx, w.task)
			w.note(func() { w.accepted += map[bool]int{true: 1}[err == nil] })
			return err
		})
	}, func(m *model, _ byte) error { m.tasks++; return nil }},
	{"thread", func(w *world, arg byte) error {
		return w.last(w.lastThread(), ending(arg))
	}, func(m *model, _ byte) error {
		m.threads = max(m.threads-1, 0)
		return m.settle()
	}},
	{"callback", func(w *world, arg byte) error { return w.last(w.atWork(), ending(arg)) }, func(m *model, _ byte) error {
		m.calling = false
		return m.settle()
	}},
	{"return", func(w *world, _ byte) error { return w.last(w.handler, func() {}) }, func(m *model, _ byte) error {
		m.back = true
		return m.settle()
	}},
	{"panic", func(w *world, arg byte) error { return w.last(w.handler, ending(arg|1)) }, func(m *model, arg byte) error {
		if m.back {
			return nil
		}
		return m.panics(arg&7|1 == 3, arg&7|1 == 7)
	}},
	{"read", func(w *world, _ byte) error { // what the body says in time is its own affair
		return w.own(func() error {
			if _, err := w.r.Body.Read(make([]byte, 1)); errors.Is(err, request.ErrEnded) {
				return err
			}
			return nil
		})
	}, func(m *model, _ byte) error {
		if m.body && (m.ended || m.back && m.winner == "exited" && !m.detach) {
			return request.ErrEnded
		}
		return nil
	}},
	{"stick", func(w *world, _ byte) error {
		if w.loose {
			w.wire.set(func() { w.wire.stuck = true })
		}
		return nil
	}, func(*model, byte) error { return nil }},
}

var statuses = []int{200, 404, 204, 500, 103, 304, 100, 201}
