package eof_test

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// self names the goroutine that calls it.
func self() string {
	buf := make([]byte, 64)
	return strings.Fields(string(buf[:runtime.Stack(buf, false)]))[1]
}

// A goroutine whose handler has left it locked to its thread serves no other client: what
// the handler did to the thread is to end with it, as in net/http with the connection. So
// no goroutine serves a second one, since nobody can tell whether it is locked.
func TestGoroutines_OneForEachHandler(t *testing.T) {
	for name, end := range map[string]func(r *http.Request){
		"return":           func(*http.Request) {},
		"panic":            func(*http.Request) { panic(http.ErrAbortHandler) },
		"return, sent":     func(r *http.Request) { eof.Send(r.Context()) },
		"panic, sent":      func(r *http.Request) { eof.Send(r.Context()); panic(http.ErrAbortHandler) },
		"locked on return": func(*http.Request) { runtime.LockOSThread() },
	} {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				at := make(chan string, 1)
				s := serve(t, p, background(t, eof.Options{}).Detach, func(w http.ResponseWriter, r *http.Request) {
					at <- self()
					end(r)
				})
				seen := map[string]bool{}
				for range 10 {
					if res, err := s.Do(s.NewRequest("POST", "/", nil)); err == nil {
						io.Copy(io.Discard, res.Body)
						res.Body.Close()
					}
					id := <-at
					if seen[id] {
						t.Errorf("goroutine %s serves a second handler", id)
					}
					seen[id] = true
				}
			})
		})
	}
}
