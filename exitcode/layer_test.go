package exitcode_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// ending is what a handler does to end its request, and what comes of it.
type ending struct {
	name   string
	h      func(w http.ResponseWriter, ctx context.Context) error
	want   error // of h
	status int   // 0: dropped, with recorded
	body   string
	rec    int // if dropped
}

func exits(code exitcode.Code) func(http.ResponseWriter, context.Context) error {
	return func(_ http.ResponseWriter, ctx context.Context) error { return exitcode.Exit(ctx, code) }
}

func writes(status int, text string, code exitcode.Code) func(http.ResponseWriter, context.Context) error {
	return func(w http.ResponseWriter, ctx context.Context) error {
		w.WriteHeader(status)
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
		return exitcode.Exit(ctx, code)
	}
}

const page404 = "404 Not Found\n"

var endings = []ending{
	{"returns", func(w http.ResponseWriter, _ context.Context) error {
		_, err := io.WriteString(w, "hello")
		return err
	}, nil, 200, "hello", 0},
	{"exits", exits(404), nil, 404, page404, 0},
	{"exits 204", exits(204), nil, 204, "", 0},
	{"exits and writes", func(w http.ResponseWriter, ctx context.Context) error {
		err := exitcode.Exit(ctx, 404)
		_, late := io.WriteString(w, "dropped")
		return errors.Join(err, late)
	}, exitcode.ErrExited, 404, page404, 0},
	{"throws", func(_ http.ResponseWriter, ctx context.Context) error {
		exitcode.Throw(ctx, 404)
		return nil
	}, nil, 404, page404, 0},
	{"a thread exits", func(_ http.ResponseWriter, ctx context.Context) error {
		_, _ = thread.Spawn(ctx, func(context.Context) error { return exitcode.Exit(ctx, 404) })
		<-ctx.Done()
		return nil
	}, nil, 404, page404, 0},
	{"writes, exits 200", writes(200, "hello", 200), nil, 200, "hello", 0},
	{"writes 403, exits 403", writes(403, "mine", 403), nil, 403, "mine", 0},
	{"drops", exits(444), nil, 0, "", 444},
	{"drops 499", exits(499), nil, 0, "", 499},
	{"drops without a code", exits(-1), nil, 0, "", 0},
	{"throws 444", func(_ http.ResponseWriter, ctx context.Context) error {
		exitcode.Throw(ctx, 444)
		return nil
	}, nil, 0, "", 444},
}

// layers are lastbyte middlewares that may stand inside another one.
func layers(t *testing.T) map[string]wrap {
	return map[string]wrap{
		"Phase":        exitcode.Phase(func(http.ResponseWriter, *http.Request) exitcode.Code { return exitcode.OK }),
		"New":          exitcode.New(exitcode.Options{}),
		"HeaderFilter": exitcode.HeaderFilter(func(*http.Request, int, http.Header) exitcode.Code { return exitcode.OK }),
		"Recover":      exitcode.Recover,
		"Rewrite": exitcode.Rewrite(func(_ http.ResponseWriter, r *http.Request) (*http.Request, error) {
			return r.WithContext(context.WithValue(r.Context(), end{}, 1)), nil
		}),
		"Handler": func(next http.Handler) http.Handler {
			return exitcode.Handler(func(w http.ResponseWriter, r *http.Request) error {
				next.ServeHTTP(w, r)
				return context.Cause(r.Context())
			})
		},
		"Detach": background(t).Detach,
	}
}

// endsThrough serves each ending inside chain and compares what the client and a
// recorder in the middle get.
func endsThrough(t *testing.T, p pipenet.Proto, what string, chain func(record wrap) wrap) {
	for _, e := range endings {
		seen := make(chan int, 10)
		in := chain(func(next http.Handler) http.Handler { return record(seen, next) })
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			if err := e.h(w, r.Context()); !errors.Is(err, e.want) {
				t.Errorf("%s, %s: got error %v, want %v", what, e.name, err, e.want)
			}
		})
		what := fmt.Sprintf("%s, %s", what, e.name)
		status := e.status
		if e.status == 0 {
			status = e.rec
			s.nothing("/")
		} else {
			s.get("/").decoded().is(t, what, e.status, e.body)
		}
		s.recorded(status)
		check(t, what+", status in between", <-seen, status)
		// Of a wrapper outside that hides deadlines one line says so, once in a process.
		logged := s.Logs()
		if strings.Count(logged, "\n") != 1 || !strings.Contains(logged, "hides deadlines") {
			check(t, what+", log", logged, "")
		}
	}
}

// A page is written, and a code recorded, by the innermost layer that the handler
// returns to: a middleware between two layers sees and does what it does outside.
func TestX3_BetweenLayers(t *testing.T) {
	for mwName := range between() {
		t.Run(mwName, func(t *testing.T) { // a bubble each: what ends looks at every goroutine
			run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
				mw := between()[mwName]
				for name, layer := range layers(t) {
					endsThrough(t, p, mwName+" around "+name, func(record wrap) wrap {
						return func(next http.Handler) http.Handler { return in(mw(record(layer(next)))) }
					})
				}
			})
		})
	}
}

func TestX3_OutsideLayers(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for mwName, mw := range between() {
			if mwName == "buffer" {
				continue // nothing behind it can be cut but by a panic, as without lastbyte
			}
			endsThrough(t, p, mwName+" outside", func(record wrap) wrap {
				return func(next http.Handler) http.Handler { return mw(record(in(next))) }
			})
		}
	})
}
