package exitcode_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// invalid are codes that no request may exit with.
var invalid = []exitcode.Code{1, 42, 99, 100, 101, 103, 199, -2, -444, 1000, 4040, math.MaxInt32, math.MinInt32}

func TestCode_String(t *testing.T) {
	t.Parallel()
	for code, want := range map[exitcode.Code]string{
		exitcode.Error:               "-1 Error",
		exitcode.OK:                  "0 OK",
		exitcode.Close:               "444 Close",
		exitcode.ClientClosedRequest: "499 Client Closed Request",
		200:                          "200 OK",
		404:                          "404 Not Found",
		503:                          "503 Service Unavailable",
		799:                          "799",
		42:                           "42",
	} {
		check(t, fmt.Sprintf("Code(%d).String()", int(code)), code.String(), want)
	}
}

func TestCode_Err(t *testing.T) {
	t.Parallel()
	if err := exitcode.OK.Err(); err != nil {
		t.Errorf("OK.Err() = %v, want nil", err)
	}
	for _, code := range []exitcode.Code{exitcode.Error, 200, 404, exitcode.Close, 999} {
		err := code.Err()
		e, ok := err.(*exitcode.ExitError)
		if !ok || e.Code != code {
			t.Fatalf("Code(%d).Err() = %#v, want an *ExitError with the code", int(code), err)
		}
		isErr(t, "errors.Is with an equal one", err, &exitcode.ExitError{Code: code})
		if errors.Is(err, exitcode.Code(500).Err()) {
			t.Errorf("%v Is an ExitError with another code", err)
		}
		check(t, "Error()", err.Error(), "exit "+code.String())
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	gone := exitcode.Code(410).Err()
	for _, c := range []struct {
		name string
		err  error
		code exitcode.Code
		ok   bool
	}{
		{"nil", nil, 0, false},
		{"plain", io.EOF, 0, false},
		{"coded", gone, 410, true},
		{"literal", &exitcode.ExitError{Code: exitcode.Close}, 444, true},
		{"wrapped", fmt.Errorf("load: %w", fmt.Errorf("row: %w", gone)), 410, true},
		{"joined", errors.Join(io.EOF, gone), 410, true},
		{"only its text", errors.New(gone.Error()), 0, false},
	} {
		code, ok := exitcode.Of(c.err)
		if code != c.code || ok != c.ok {
			t.Errorf("%s: Of(%v) = %v, %t, want %v, %t", c.name, c.err, code, ok, c.code, c.ok)
		}
	}
}

func TestX8_InvalidCodeChangesNothing(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			if r.URL.Path == "/sent" {
				io.WriteString(w, "first, ")
				http.NewResponseController(w).Flush()
			}
			for _, code := range invalid {
				isErr(t, fmt.Sprintf("Exit(%d)", int(code)), exitcode.Exit(ctx, code), exitcode.ErrInvalidCode)
			}
			th, err := thread.Spawn(ctx, func(ctx context.Context) error { return exitcode.Exit(ctx, 1) })
			if err != nil {
				t.Errorf("Spawn = %v, want nil", err)
				return
			}
			isErr(t, "Exit(1) in a thread", th.Wait(ctx), exitcode.ErrInvalidCode)
			isErr(t, "ctx.Err()", ctx.Err(), nil)
			if code, ok := exitcode.From(ctx); ok {
				t.Errorf("From = %v, true, want no exit", code)
			}
			_, err = io.WriteString(w, "and on")
			isErr(t, "Write", err, nil)
		})
		s.get("/").is(t, "nothing sent yet", 200, "and on")
		s.get("/sent").is(t, "header already sent", 200, "first, and on")
		s.same()
		check(t, "log", s.Logs(), "")
	})
}

func TestExit_OKEndsNothing(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			isErr(t, "Exit(OK)", exitcode.Exit(ctx, exitcode.OK), nil)
			th, err := thread.Spawn(ctx, func(ctx context.Context) error { return exitcode.Exit(ctx, exitcode.OK) })
			if err != nil {
				t.Errorf("Spawn = %v, want nil", err)
				return
			}
			isErr(t, "Exit(OK) in a thread", th.Wait(ctx), nil)
			isErr(t, "ctx.Err()", ctx.Err(), nil)
			if _, ok := exitcode.From(ctx); ok {
				t.Error("From says that the request exited")
			}
			io.WriteString(w, "still here")
		})
		s.get("/").is(t, "GET", 200, "still here")
	})
}

func TestExit_NoRequest(t *testing.T) {
	t.Parallel()
	isErr(t, "Exit(404)", exitcode.Exit(t.Context(), 404), exitcode.ErrNoRequest)
	isErr(t, "Exit(OK)", exitcode.Exit(t.Context(), exitcode.OK), exitcode.ErrNoRequest)
	isErr(t, "Exit(7)", exitcode.Exit(t.Context(), 7), exitcode.ErrInvalidCode)
	if code, ok := exitcode.From(t.Context()); ok || code != exitcode.OK {
		t.Errorf("From = %v, %t, want 0, false", code, ok)
	}
}

func TestNilFunctionsPanic(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]func(){
		"exitcode.Phase: nil function":        func() { exitcode.Phase(nil) },
		"exitcode.HeaderFilter: nil function": func() { exitcode.HeaderFilter(nil) },
		"exitcode.Handler: nil function":      func() { exitcode.Handler(nil) },
	} {
		t.Run(want, func(t *testing.T) {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("panic = %v, want %q", got, want)
				}
			}()
			f()
		})
	}
}
