package exitcode_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

func TestCause(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		given := &exitcode.ExitError{Code: 409, Detail: "taken", Err: errSecret}
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			if e, ok := exitcode.Cause(ctx); ok || e != nil {
				t.Errorf("Cause before an exit = %v, %t, want nil, false", e, ok)
			}
			isErr(t, "ExitWith", exitcode.ExitWith(ctx, given), nil)
			exitcode.Exit(ctx, 500)
			for name, ctx := range map[string]context.Context{
				"the request's": ctx, "a child": context.WithValue(ctx, end{}, 1), "one without an end": context.WithoutCancel(ctx),
			} {
				if e, ok := exitcode.Cause(ctx); !ok || e != given {
					t.Errorf("Cause(%s) = %v, %t, want %v, true", name, e, ok, given)
				}
			}
			check(t, "context.Cause", context.Cause(ctx), error(given))
		})
		s.get("/").is(t, "GET", 409, "409 Conflict\ntaken\n")
	})
	if e, ok := exitcode.Cause(context.Background()); ok || e != nil {
		t.Errorf("Cause without a request = %v, %t, want nil, false", e, ok)
	}
}

// What a page is told of the exit, wherever it is set, and whoever exits.
func TestCause_InErrorPage(t *testing.T) {
	given := &exitcode.ExitError{Code: 503, Detail: "later", Err: errSecret}
	page := exitcode.New(exitcode.Options{ErrorPage: func(w http.ResponseWriter, r *http.Request, code exitcode.Code) {
		e, ok := exitcode.Cause(r.Context())
		fmt.Fprintf(w, "%d: %t %s; %v, %t", int(code), ok, e.Detail, r.Context().Err(), context.Cause(r.Context()) == error(e))
	}})
	ways := map[string]func(ctx context.Context) error{
		"the handler": func(ctx context.Context) error { return exitcode.ExitWith(ctx, given) },
		"a thread": func(ctx context.Context) error {
			_, err := thread.Spawn(ctx, func(ctx context.Context) error { return exitcode.ExitWith(ctx, given) })
			time.Sleep(time.Second)
			return err
		},
	}
	chains := func(t *testing.T) map[string]wrap {
		b := background(t)
		life := middleware.New(middleware.Options{Exit: exitcode.Options{ErrorPage: func(w http.ResponseWriter, r *http.Request, code exitcode.Code) {
			e, ok := exitcode.Cause(r.Context())
			fmt.Fprintf(w, "%d: %t %s; %v, %t", int(code), ok, e.Detail, r.Context().Err(), context.Cause(r.Context()) == error(e))
		}}})
		drains(t, life)
		return map[string]wrap{
			"page":               page,
			"page around Detach": func(h http.Handler) http.Handler { return page(b.Detach(h)) },
			"page inside Detach": func(h http.Handler) http.Handler { return b.Detach(page(h)) },
			"page, layer, Detach": func(h http.Handler) http.Handler {
				return page(cookies(b.Detach(h)))
			},
			"Detach, layer, page": func(h http.Handler) http.Handler { return b.Detach(cookies(page(h))) },
			"Lifecycle.Handler":   life.Handler,
			"Lifecycle.Detach":    life.Detach,
		}
	}
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		for what, way := range ways {
			for name, in := range chains(t) {
				s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) { isErr(t, "exit", way(r.Context()), nil) })
				s.get("/").is(t, what+", "+name, 503, "503: true later; context canceled, true")
			}
		}
	})
}

// The pages of this package show the Detail, also under Detach alone.
func TestCause_DetachAlone(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		s := start(t, p, background(t).Detach, func(w http.ResponseWriter, r *http.Request) {
			_, err := thread.Spawn(r.Context(), func(ctx context.Context) error {
				return exitcode.ExitWith(ctx, &exitcode.ExitError{Code: 503, Detail: "later"})
			})
			isErr(t, "Spawn", err, nil)
			time.Sleep(time.Second)
		})
		s.get("/").is(t, "GET", 503, "503 Service Unavailable\nlater\n")
	})
}

// Detach at its limit exits, too, and its page finds why.
func TestCause_Refused(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := eof.New(eof.Options{Detached: 1})
		drains(t, b)
		page := exitcode.New(exitcode.Options{ErrorPage: func(w http.ResponseWriter, r *http.Request, code exitcode.Code) {
			e, ok := exitcode.Cause(r.Context())
			fmt.Fprintf(w, "%t %d %t", ok, int(e.Code), e.Err != nil)
		}})
		s := start(t, p, func(h http.Handler) http.Handler { return page(b.Detach(h)) }, func(w http.ResponseWriter, r *http.Request) {
			isErr(t, "Send", eof.Send(r.Context()), nil)
			time.Sleep(time.Hour)
		})
		s.get("/").is(t, "the first", 200, "")
		s.get("/").is(t, "the second", 503, "true 503 true")
	})
}

// What one request does to its ExitError is not seen by another that exits with the code.
func TestX2_CauseIsTheRequestsOwn(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		s := pipenet.Start(t, p, exitcode.New(exitcode.Options{})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_ = exitcode.Exit(r.Context(), 418)
			e, ok := exitcode.Cause(r.Context())
			if !ok || *e != (exitcode.ExitError{Code: 418}) {
				t.Errorf("Cause = %v, %v, want 418 and nothing else", e, ok)
				return
			}
			e.Detail = "a secret of the first request"
		})))
		for range 2 {
			res, err := s.Client.Get(s.URL() + "/")
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			if want := "418 I'm a teapot\n"; err != nil || res.StatusCode != 418 || string(body) != want {
				t.Errorf("GET / = %d %q, %v, want 418 %q", res.StatusCode, body, err, want)
			}
		}
	})
}
