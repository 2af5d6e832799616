package board_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/board"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// Whatever ends, a page that looks has it within a tenth of a second: each kind of ending,
// the task, and the end of the work after a response.
func TestL8_EachKindWithinATenthOfASecond(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, board.Options{}, ends)
		e := s.watch()
		shown := make(chan shownEnding, 64)
		go func() {
			defer close(shown)
			for {
				_, v, end := e.next()
				if end {
					return
				}
				for _, row := range v.Endings {
					shown <- shownEnding{row.Kind, row.Path, row.Outcome.AfterMS > 0, time.Now()}
				}
			}
		}()
		// within fails if nothing like it is shown in time.
		within := func(ended time.Time, kind, path string, worked bool) {
			t.Helper()
			for seen := range shown {
				if seen.kind != kind || path != "" && seen.path != path || seen.worked != worked {
					continue
				}
				if d := seen.at.Sub(ended); d > 100*time.Millisecond {
					t.Errorf("%s of %s (work after it: %t) is shown after %v, want 100 ms", kind, path, worked, d)
				}
				return
			}
			t.Fatalf("the stream has ended without %s of %s", kind, path)
		}
		sends := map[string]string{"Handler": "handler", "Detach": "send"}[m.name]
		for _, c := range []struct{ path, kind string }{
			{"/", "handler"}, {"/exit", "exit"}, {"/drop", "exit"}, {"/panic", "panic"}, {"/cut", "handler"}, {"/send", sends},
			{"/defer", "handler"}, {"/wait", "client"},
		} {
			time.Sleep(333 * time.Millisecond) // at another moment of the stream's
			call := s.Begin(s.NewRequest("POST", c.path, nil))
			synctest.Wait()
			if c.path == "/wait" {
				call.Cancel()
			}
			began := time.Now()
			within(began, c.kind, c.path, false)
			switch {
			case c.path == "/send" && c.kind == "send":
				within(began.Add(5*time.Second), "send", "/send", true)
			case c.path == "/defer":
				within(began.Add(3*time.Second), "task", "", false)
			}
			if res, err := call.Wait(); err == nil {
				res.Body.Close()
			}
		}
		e.leave()
		for range shown { // until its goroutine has ended
		}
	})
}

// shownEnding is an ending on a stream.
type shownEnding struct {
	kind, path string
	worked     bool
	at         time.Time
}
