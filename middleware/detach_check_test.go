package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// TestDetach_SaysNothingOfTheCheck: Lifecycle.Detach needs the check for what it
// does by itself, and so it is on where nobody says otherwise; but inside Ignore
// it stays off. eof's Detach says nothing at all.
func TestDetach_SaysNothingOfTheCheck(t *testing.T) {
	type wrap = func(http.Handler) http.Handler
	other := abort.New(abort.Options{IgnoreHalfClose: true})
	phase := exitcode.Phase(func(http.ResponseWriter, *http.Request) exitcode.Code { return exitcode.OK })
	page := middleware.Options{Exit: exitcode.Options{ErrorPage: exitcode.ProblemJSON}}
	for _, o := range []middleware.Options{{}, page} {
		for _, c := range []struct {
			in   string // the outermost first
			want error
		}{
			{"Detach", nil},
			{"Handler, Detach", nil},
			{"Phase, Detach", nil},
			{"Ignore, Detach", abort.ErrCheckOff},
			{"Handler, Ignore, Detach", abort.ErrCheckOff},
			{"Ignore, Phase, Detach", abort.ErrCheckOff},
			{"Check, Ignore, plain, Detach", abort.ErrCheckOff},
			{"Ignore, Detach, Check", nil},
			{"Ignore, Check, Detach", nil},
			{"Ignore, Handler, Detach", nil},
			{"Ignore, Detach, Detach", abort.ErrCheckOff},
			{"New, Detach", nil},
			{"Ignore, eof's Detach", abort.ErrCheckOff},
			{"Check, eof's Detach", nil},
			{"eof's Detach", abort.ErrCheckOff},
		} {
			t.Run(c.in, func(t *testing.T) {
				pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
					life, b := middleware.New(o), eof.New(eof.Options{})
					t.Cleanup(func() { life.Shutdown(context.Background()); b.Shutdown(context.Background()) })
					wraps := map[string]wrap{
						"Detach": life.Detach, "Handler": life.Handler, "eof's Detach": b.Detach,
						"Ignore": abort.Ignore, "Check": abort.Check, "New": other, "Phase": phase, "plain": plainWrap,
					}
					var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if err := abort.On(r.Context(), func(context.Context) {}); !errors.Is(err, c.want) {
							t.Errorf("On() = %v, want %v", err, c.want)
						}
					})
					for _, name := range slices.Backward(strings.Split(c.in, ", ")) {
						h = wraps[name](h)
					}
					s := pipenet.Start(t, p, h)
					res, err := s.Get("/")
					if err != nil {
						t.Fatal(err)
					}
					res.Body.Close()
				})
			})
		}
	}
}

// plainWrap is a middleware of others, behind which lastbyte's do not become one.
func plainWrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r) })
}
