package exitcode_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// place is where a Timeout stands.
type place struct {
	name   string
	detach bool
	put    func(limit, detach wrap) wrap
}

var limitPlaces = []place{
	{"plain", false, func(limit, _ wrap) wrap { return limit }},
	{"plain, inside a layer", false, func(limit, _ wrap) wrap {
		return func(h http.Handler) http.Handler { return exitcode.New(exitcode.Options{})(passes(limit(h))) }
	}},
	{"around Detach", true, func(limit, detach wrap) wrap {
		return func(h http.Handler) http.Handler { return limit(detach(h)) }
	}},
	{"around Detach, with a layer between", true, func(limit, detach wrap) wrap {
		return func(h http.Handler) http.Handler { return limit(passes(detach(h))) }
	}},
	{"inside Detach", true, func(limit, detach wrap) wrap {
		return func(h http.Handler) http.Handler { return detach(limit(h)) }
	}},
	{"inside Detach, with a layer between", true, func(limit, detach wrap) wrap {
		return func(h http.Handler) http.Handler { return detach(passes(limit(h))) }
	}},
}

// passes is a middleware that wraps the ResponseWriter.
func passes(next http.Handler) http.Handler { return record(make(chan int, 1000), next) }

// limited runs body on both protocols, with Timeout(d, code) at each place.
func limited(t *testing.T, d time.Duration, code exitcode.Code, body func(t *testing.T, p pipenet.Proto, in wrap, detach bool)) {
	t.Helper()
	for _, at := range limitPlaces {
		t.Run(at.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				body(t, p, at.put(exitcode.Timeout(d, code), background(t).Detach), at.detach)
			})
		})
	}
}

// expires waits for the end of ctx, and checks that it is that of a Timeout which had
// wait left.
func expires(t *testing.T, ctx context.Context, wait time.Duration, code exitcode.Code) {
	t.Helper()
	begin := time.Now()
	<-ctx.Done()
	check(t, "end of the handler's context", time.Since(begin), wait)
	check(t, "Err", ctx.Err(), context.DeadlineExceeded)
	e, ok := errors.AsType[*exitcode.ExitError](context.Cause(ctx))
	if !ok || e.Code != code {
		t.Errorf("Cause = %v, want an ExitError with code %d", context.Cause(ctx), int(code))
	}
	if got, ok := exitcode.From(ctx); got != code || !ok {
		t.Errorf("From = %d, %t, want %d", int(got), ok, int(code))
	}
}

// sendsOut has the handler write text and flush it.
func sendsOut(t *testing.T, w http.ResponseWriter, text string) {
	t.Helper()
	_, err := w.Write([]byte(text))
	isErr(t, "Write", err, nil)
	isErr(t, "Flush", http.NewResponseController(w).Flush(), nil)
}
