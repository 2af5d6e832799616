package stress_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/thread"
)

// verb is a step that only lastbyte has.
func (c *chaos) verb(ctx context.Context, op rune, path string, rec *record) {
	switch op {
	case 'x':
		_ = exitcode.Exit(ctx, oneOf(exits))
	case 't':
		exitcode.Throw(ctx, oneOf(exits))
	case 'p':
		panic("on purpose")
	case 'a':
		panic(http.ErrAbortHandler)
	case 'o':
		rec.note(func() {
			if err := abort.On(ctx, func(own context.Context) { c.callback(own, ctx, rec) }); err == nil {
				_, gone := abort.Cause(ctx) // too late for the callback to decide
				rec.registered, rec.firm = true, !gone
			}
		})
	case 's', 'X':
		c.spawn(ctx, op == 'X', path, rec)
	case 'd':
		rec.note(func() { rec.work++ })
		err := eof.Defer(ctx, func(ctx context.Context) { c.end(ctx, path, rec) })
		if err != nil {
			c.end(ctx, path, rec)
			c.wrong("%s: Defer() = %v, want nil", path, err)
		}
	}
}

// callback is that of abort.On, called by a handler with the context held. The
// lock of rec is taken: On does not wait for it.
func (c *chaos) callback(ctx, held context.Context, rec *record) {
	c.calls.Add(1)
	rec.site.calls.Add(1)
	rec.note(func() {
		if rec.calls++; rec.calls == 1 {
			close(rec.called)
		}
	})
	c.sameID(ctx, rec)
	what := rand.N(6)
	if what > 2 {
		c.wait(held, nil, rand.N(time.Millisecond))
	}
	c.lives(held, rec)
	switch what {
	case 0, 3:
		panic("on purpose")
	case 1:
		rec.note(func() { rec.ends = true })
		exitcode.Throw(ctx, exitcode.ClientClosedRequest)
	case 2, 4:
		rec.note(func() { rec.ends = true })
		_ = exitcode.Exit(ctx, oneOf(exits))
	}
}

func (c *chaos) spawn(ctx context.Context, exit bool, path string, rec *record) {
	rec.note(func() { rec.work++ })
	mode := rand.N(4)
	t, err := thread.Spawn(ctx, func(ctx context.Context) error {
		defer c.end(ctx, path, rec)
		c.wait(ctx, nil, rand.N(2*time.Millisecond))
		switch {
		case exit:
			_ = exitcode.Exit(ctx, oneOf(exits))
		case mode == 0:
			panic("on purpose")
		}
		return nil
	})
	switch {
	case err != nil:
		c.end(ctx, path, rec)
	case mode == 1:
		t.Kill()
	case mode == 2:
		_ = t.Wait(ctx)
	}
}

// end is that of a thread or task.
func (c *chaos) end(ctx context.Context, path string, rec *record) {
	c.sameID(ctx, rec)
	rec.note(func() { rec.work-- })
	c.settle(path, rec)
}

// sameID: chi's route context, which is recycled, still has this request's id.
func (c *chaos) sameID(ctx context.Context, rec *record) {
	if got := chi.URLParamFromCtx(ctx, "id"); got != rec.id {
		c.wrong("the route of request %s says %q", rec.id, got)
	}
}

var exits = []exitcode.Code{200, 204, 302, 304, 404, 503, 408, 444, 499, -1}

func oneOf[T any](list []T) T { return list[rand.N(len(list))] }

// pattern is what the body of a response is made of: its id, in lines.
func pattern(id string, lines int) []byte {
	return bytes.Repeat([]byte(strings.Repeat("0", 20-len(id))+id+"\n"), lines)
}
