package middleware_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// What a handler that ends by an exit of its own leaves in the request is there for
// those outside, whatever the exit makes of the response. Where Exit lets the response
// stand as it is, under Detach that ends at once, and nobody waits for the handler; a
// Throw leaves the handler.
func TestTransparency_WhatHandlersLeaveAtAnExit(t *testing.T) {
	for _, code := range []exitcode.Code{200, 204, 404, 503} {
		for _, how := range []string{"Exit", "Throw", "write, Exit", "write, Throw", "flush, Throw"} {
			for _, detach := range []bool{false, true} {
				if detach && code < 300 && how == "write, Exit" {
					continue
				}
				t.Run(fmt.Sprintf("%d %s, detach %t", code, how, detach), func(t *testing.T) {
					pipenet.Run(t, func(t *testing.T, p pipenet.Proto) { leavesAtExit(t, p, code, how, detach) })
				})
			}
		}
	}
}

func leavesAtExit(t *testing.T, p pipenet.Proto, code exitcode.Code, how string, detach bool) {
	life := newLife(t, middleware.Options{})
	mux := http.NewServeMux()
	mux.HandleFunc("/{name}", func(w http.ResponseWriter, r *http.Request) {
		r.SetPathValue("set", "by hand")
		_ = r.ParseForm()
		if how[0] == 'w' || how[0] == 'f' {
			_, _ = io.WriteString(w, "text")
		}
		if how[0] == 'f' {
			_ = http.NewResponseController(w).Flush()
		}
		if how[len(how)-1] == 'w' {
			exitcode.Throw(r.Context(), code)
		}
		_ = exitcode.Exit(r.Context(), code)
	})
	h := life.Handler(mux)
	if detach {
		h = life.Detach(mux)
	}
	found := make(chan string, 1)
	s := pipenet.Start(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			found <- fmt.Sprintf("%q %q %q %q", r.Pattern, r.PathValue("name"), r.PathValue("set"), r.Form)
		}()
		h.ServeHTTP(w, r)
	}))
	if res, err := s.Get("/bob?a=b"); err == nil {
		res.Body.Close()
	}
	if got, want := <-found, `"/{name}" "bob" "by hand" map["a":["b"]]`; got != want {
		t.Errorf("outside it has %s, want %s", got, want)
	}
}
