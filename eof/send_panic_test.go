package eof_test

import (
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// panicsLate has a name to look for in stacks.
func panicsLate(v any) { panic(v) }

// caught is what an OnPanic was told.
type caught struct {
	v     any
	stack string
}

func onPanic(ch chan<- caught) func(any, []byte) {
	return func(v any, stack []byte) { ch <- caught{v, string(stack)} }
}

func (c caught) want(t testing.TB, v any, fn string) {
	t.Helper()
	if c.v != v {
		t.Errorf("OnPanic got %v, want %v", c.v, v)
	}
	if !strings.Contains(c.stack, "eof_test."+fn) {
		t.Errorf("OnPanic got the stack\n%s\nwant the one with %s", c.stack, fn)
	}
}

func TestE10_PanicAfterSend(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		got := make(chan caught, 1)
		b := background(t, eof.Options{OnPanic: onPanic(got)})
		boom := errors.New("boom")
		s := serve(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, answer)
			eof.Send(r.Context())
			if r.URL.Path == "/panic" {
				time.Sleep(time.Second)
				panicsLate(boom)
			}
		})
		get(t, s, "/panic").want(t, 200, answer)
		(<-got).want(t, boom, "panicsLate")
		synctest.Wait()
		wantStats(t, b, eof.Stats{Panicked: 1})
		get(t, s, "/").want(t, 200, answer)
		if n := len(s.Conns()); n != 1 || s.Logs() != "" {
			t.Errorf("%d connections, logged %q; want one, and nothing", n, s.Logs())
		}
	})
}

func TestE10_PanicAfterSendIsLogged(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		s := serve(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context())
			panicsLate("boom")
		})
		get(t, s, "/").want(t, 200, "")
		shutdown(t, b)
		if got := s.Logs(); !strings.Contains(got, "boom") || !strings.Contains(got, "eof_test.panicsLate") {
			t.Errorf("ErrorLog = %q, want the panic and its stack", got)
		}
	})
}

// What says nothing in net/http says nothing here: neither reaches OnPanic.
func TestE10_SilentEndsAfterSend(t *testing.T) {
	for name, end := range map[string]func(){
		"http.ErrAbortHandler": func() { panic(http.ErrAbortHandler) },
		"runtime.Goexit":       runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				got := make(chan caught, 1)
				b := background(t, eof.Options{OnPanic: onPanic(got)})
				s := serve(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
					io.WriteString(w, answer)
					eof.Send(r.Context())
					end()
				})
				for range 2 {
					get(t, s, "/").want(t, 200, answer)
					synctest.Wait() // the client has the connection in its pool
				}
				shutdown(t, b)
				if len(got) > 0 {
					t.Errorf("OnPanic got %v, want nothing", (<-got).v)
				}
				if st := b.Stats(); st.Detached != 0 || st.Done+st.Panicked != 2 {
					t.Errorf("Stats() = %+v, want two that are over", st)
				}
				if n := len(s.Conns()); n != 1 || s.Logs() != "" {
					t.Errorf("%d connections, logged %q; want one, and nothing", n, s.Logs())
				}
			})
		})
	}
}

func TestE10_OnPanicPanics(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{OnPanic: func(any, []byte) { panic("in OnPanic") }})
		s := serve(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context())
			panicsLate("boom")
		})
		get(t, s, "/").want(t, 200, "")
		shutdown(t, b)
		wantStats(t, b, eof.Stats{Panicked: 1})
		if got := s.Logs(); !strings.Contains(got, "in OnPanic") {
			t.Errorf("ErrorLog = %q, want the panic of OnPanic", got)
		}
	})
}
