package exitcode_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// Under Detach the page of an exit by the handler does not wait for its threads.
func TestX11b_PageDoesNotWaitForThreads(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		detach := background(t).Detach
		for name, chain := range map[string]wrap{
			"alone":   detach,
			"between": func(h http.Handler) http.Handler { return exitcode.New(exitcode.Options{})(cookies(detach(h))) },
			"inside":  func(h http.Handler) http.Handler { return detach(cookies(exitcode.New(exitcode.Options{})(h))) },
		} {
			over := make(chan bool, 2)
			s := start(t, p, chain, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Inside", "yes")
				_, err := thread.Spawn(r.Context(), func(ctx context.Context) error {
					<-ctx.Done()
					time.Sleep(time.Hour)
					over <- true
					return nil
				})
				isErr(t, "Spawn", err, nil)
				switch r.URL.Query().Get("how") {
				case "throw":
					exitcode.Throw(r.Context(), 403)
				case "write":
					exitcode.Exit(r.Context(), 403)
					_, err := io.WriteString(w, "dropped")
					isErr(t, "Write", err, exitcode.ErrExited)
				default:
					exitcode.Exit(r.Context(), 403)
				}
			})
			for _, how := range []string{"return", "throw", "write"} {
				a := s.get("/?how=" + how)
				what := name + ", " + how
				a.is(t, what, 403, "403 Forbidden\n")
				check(t, what+", whole after", a.whole, 0)
				check(t, what+", header Inside", a.header.Get("Inside"), "yes")
				s.recorded(403)
				check(t, what+", threads over", len(over), 0)
				<-over
			}
			check(t, name+", log", s.Logs(), "")
		}
	})
}

// A body that its handler gives up in the middle is cut, although an exit came
// first.
func TestX3_AbortHandlerAfterTheExit(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for name, mw := range map[string]wrap{"alone": bare, "outside": cookies} {
			for _, layer := range []wrap{bare, exitcode.New(exitcode.Options{})} {
				s := start(t, p, func(h http.Handler) http.Handler { return in(mw(layer(h))) },
					func(w http.ResponseWriter, r *http.Request) {
						io.WriteString(w, "part")
						http.NewResponseController(w).Flush()
						ctx := make(chan error)
						if r.URL.Path == "/goroutine" {
							go func() { ctx <- exitcode.Exit(r.Context(), pathCode(r)) }()
						} else {
							go func() { ctx <- exitcode.Exit(r.Context(), 503) }()
						}
						<-ctx
						panic(http.ErrAbortHandler)
					})
				s.cutOff("/", "part", 0)
				s.recorded(200)
				check(t, name+", log", len(s.seen), 0)
			}
		}
	})
}
