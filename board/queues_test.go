package board_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/board"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

func TestL9_Queues(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		asked := 0
		o := board.Options{Queues: func(ctx context.Context) ([]board.Queue, error) {
			if end, ok := ctx.Deadline(); !ok || time.Until(end) > time.Second {
				t.Errorf("the context ends at %v, want within a second", end)
			}
			switch asked++; asked {
			case 1:
				return []board.Queue{{Name: "mail\x1b", Waiting: 3, Running: 2, Later: 1}}, nil
			case 2:
				return nil, errors.New("no database")
			}
			panic("oh")
		}}
		s := start(t, p, m, o, func(http.ResponseWriter, *http.Request) {})
		for _, want := range []string{"3        2        1", "the queues cannot be read: no database", "the queues cannot be read: panic: oh"} {
			for range 3 {
				if text := s.text("text"); !strings.Contains(text, want) || strings.Contains(text, "\x1b") {
					t.Errorf("the board is %q, want %q", text, want)
				}
			}
			time.Sleep(time.Second)
		}
		if asked != 3 {
			t.Errorf("the engine was asked %d times, want 3", asked)
		}
	})
}

// A viewer whose engine does not answer delays no other.
func TestL9_SlowEngine(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		o := board.Options{Queues: func(ctx context.Context) ([]board.Queue, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		s := start(t, p, m, o, func(http.ResponseWriter, *http.Request) {})
		first := make(chan error, 1)
		go func() {
			res, err := s.Get("/board?format=json")
			if err == nil {
				res.Body.Close()
			}
			first <- err
		}()
		begun := time.Now()
		if text := s.text("json"); strings.Contains(text, "depths") || time.Since(begun) != 0 {
			t.Errorf("after %v the board is %s, want one without queues at once", time.Since(begun), text)
		}
		if err := <-first; err != nil || time.Since(begun) != time.Second {
			t.Errorf("the viewer that asks has its answer after %v, %v, want a second", time.Since(begun), err)
		}
	})
}

// A viewer that leaves while the engine is asked is not what the others see of the engine.
func TestL9_ViewerLeaves(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		asked := 0
		o := board.Options{Queues: func(ctx context.Context) ([]board.Queue, error) {
			if asked++; asked == 1 {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return []board.Queue{{Name: "mail"}}, nil
		}}
		s := start(t, p, m, o, func(http.ResponseWriter, *http.Request) {})
		call := s.Begin(s.NewRequest("GET", "/board?format=json", nil))
		synctest.Wait()
		call.Cancel()
		if text := s.text("json"); !strings.Contains(text, "mail") || strings.Contains(text, "canceled") {
			t.Errorf("the board is %s, want the queues", text)
		}
	})
}
