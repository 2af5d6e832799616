package exitcode_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// The panic of a handler comes first: a thread that exits when it is called back for
// that makes no success of it, with and without Detach.
func TestX16_ExitAfterPanic(t *testing.T) {
	h := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = thread.Spawn(r.Context(), func(ctx context.Context) error {
			<-ctx.Done()
			isErr(t, "Exit() after the panic", exitcode.Exit(ctx, http.StatusOK), exitcode.ErrEnded)
			return nil
		})
		panic("of the handler")
	}
	for _, detach := range []bool{false, true} {
		aborttest.RunWith(t, aborttest.Options{Detach: detach}, http.HandlerFunc(h), func(t *testing.T, c *aborttest.Client) {
			call := c.Get("/")
			if r := call.Response(); r.Err == nil {
				t.Errorf("detach %t: Response() = %+v, want the connection dropped", detach, r)
			}
			if o := call.Done(); !o.Panicked || o.Exited {
				t.Errorf("detach %t: Outcome = %+v, want a panic and no exit", detach, o)
			}
		})
	}
}

// A thread that is at work when the handler returns may parse the form of the request
// that Rewrite has handed on, and everybody outside finds it then. The race detector looks.
func TestRewrite_AThreadParsesTheForm(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		parse, found := make(chan struct{}), make(chan string, 1)
		rewrite := exitcode.Rewrite(func(_ http.ResponseWriter, r *http.Request) (*http.Request, error) {
			return withUser(r), nil
		})
		s := start(t, p, func(h http.Handler) http.Handler {
			inner := in(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				rewrite(h).ServeHTTP(w, r)
				close(parse)
			}))
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				inner.ServeHTTP(w, r)
				found <- r.Form.Get("a")
			})
		}, func(_ http.ResponseWriter, r *http.Request) {
			_, err := thread.Spawn(r.Context(), func(context.Context) error {
				<-parse
				return r.ParseForm()
			})
			isErr(t, "Spawn", err, nil)
		})
		s.get("/?a=b").is(t, "GET", 200, "")
		check(t, "what is found outside", <-found, "b")
	})
}

// Under Detach a panic does not wait for the threads: what they may be writing in the
// handler's request is left alone. The race detector looks.
func TestX16_PanicWhileAThreadParsesTheForm(t *testing.T) {
	for name, before := range map[string]func(context.Context){
		"panic":           func(context.Context) {},
		"panic after 404": func(ctx context.Context) { _ = exitcode.Exit(ctx, http.StatusNotFound) },
	} {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				b := eof.New(eof.Options{OnPanic: func(any, []byte) {}})
				drains(t, b)
				parse, over := make(chan struct{}), make(chan struct{})
				s := start(t, p, b.Detach, func(_ http.ResponseWriter, r *http.Request) {
					_, _ = thread.Spawn(r.Context(), func(context.Context) error {
						<-parse
						err := r.ParseForm()
						<-over
						return err
					})
					before(r.Context())
					close(parse)
					panic("of the handler")
				})
				if res, err := s.Get("/?a=b"); err == nil {
					res.Body.Close()
				}
				close(over)
			})
		})
	}
}
