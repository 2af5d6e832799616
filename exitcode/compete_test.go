package exitcode_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

func TestX10_SecondExit(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			isErr(t, "first Exit", exitcode.Exit(ctx, pathCode(r)), nil)
			for _, code := range []exitcode.Code{500, 200, exitcode.Close, exitcode.Error, pathCode(r)} {
				isErr(t, fmt.Sprintf("then Exit(%d)", int(code)), exitcode.Exit(ctx, code), exitcode.ErrExited)
			}
			check(t, "the cause", causeCode(ctx), pathCode(r))
			code, ok := exitcode.From(ctx)
			if code != pathCode(r) || !ok {
				t.Errorf("From = %v, %t, want %v", code, ok, pathCode(r))
			}
		})
		s.get("/404").is(t, "Exit(404)", 404, "404 Not Found\n")
		s.get("/201").is(t, "Exit(201)", 201, "")
		s.same()
		s.nothing("/444")
		s.nothing("/-1")
		check(t, "log", s.Logs(), "")
	})
}

func TestX10_SecondExitAfterHeader(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			io.WriteString(w, "part")
			http.NewResponseController(w).Flush()
			isErr(t, "first Exit", exitcode.Exit(ctx, 200), nil)
			for _, code := range []exitcode.Code{404, 200, exitcode.Close, exitcode.Error} {
				isErr(t, fmt.Sprintf("then Exit(%d)", int(code)), exitcode.Exit(ctx, code), exitcode.ErrExited)
			}
			check(t, "the cause", causeCode(ctx), 200)
		})
		s.get("/").is(t, "GET", 200, "part")
		check(t, "log", s.Logs(), "")
	})
}

// A hundred goroutines exit at once, each with a code of its own: one of them
// wins, and what the client gets is its.
func TestX10_StressOneOfHundredWins(t *testing.T) {
	const n = 100
	for _, sent := range []bool{false, true} {
		t.Run(fmt.Sprintf("sent %t", sent), func(t *testing.T) {
			run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
				type result struct {
					code exitcode.Code
					err  error
				}
				results := make(chan result, n)
				s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
					if sent {
						io.WriteString(w, "part")
						http.NewResponseController(w).Flush()
					}
					ready, all := make(chan struct{}), new(sync.WaitGroup)
					for i := range n {
						all.Go(func() { // half of them with a context of their own
							ctx := r.Context()
							if i%2 == 0 {
								thread.Spawn(ctx, func(ctx context.Context) error {
									<-ready
									code := exitcode.Code(600 + i)
									results <- result{code, exitcode.Exit(ctx, code)}
									return nil
								})
								return
							}
							<-ready
							code := exitcode.Code(600 + i)
							results <- result{code, exitcode.Exit(ctx, code)}
						})
					}
					time.Sleep(time.Second)
					close(ready)
					all.Wait()
				})
				a := s.get("/")
				won := exitcode.OK
				for range n {
					switch r := <-results; {
					case errors.Is(r.err, exitcode.ErrExited):
					case won == exitcode.OK && sent == errors.Is(r.err, exitcode.ErrHeaderSent) && sent == (r.err != nil):
						won = r.code
					default:
						t.Errorf("Exit(%d) = %v after %d won, want %v", int(r.code), r.err, int(won), exitcode.ErrExited)
					}
				}
				switch {
				case won == exitcode.OK:
					t.Fatal("no Exit won")
				case sent:
					a.is(t, "GET", 200, "part")
				default:
					a.is(t, "GET", int(won), won.String()+"\n")
				}
			})
		})
	}
}

// An exit and the handler's first Write at once: either the exit has the
// status, or the handler has and Exit says so.
func TestX10_StressExitAgainstWrite(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		errs := make(chan [2]error, 1)
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			ready, exit := make(chan struct{}), make(chan error, 1)
			thread.Spawn(r.Context(), func(ctx context.Context) error {
				<-ready
				exit <- exitcode.Exit(ctx, 503)
				return nil
			})
			close(ready)
			_, err := io.WriteString(w, "written")
			errs <- [2]error{<-exit, err}
		})
		for range 20 {
			a := s.get("/")
			switch e := <-errs; {
			case e[0] == nil && errors.Is(e[1], exitcode.ErrExited):
				a.is(t, "the exit came first", 503, "503 Service Unavailable\n")
			case errors.Is(e[0], exitcode.ErrHeaderSent) && e[1] == nil:
				a.is(t, "the write came first", 200, "written")
			case errors.Is(e[0], exitcode.ErrHeaderSent) && errors.Is(e[1], exitcode.ErrExited):
				// Between the status and its body: the response ends as it stands.
				a.is(t, "the status came first", 200, "")
			default:
				t.Errorf("Exit = %v, Write = %v, want one to win", e[0], e[1])
			}
		}
	})
}
