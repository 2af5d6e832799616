package exitcode_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// Work after Send is not limited.
func TestX17_Send(t *testing.T) {
	limited(t, time.Second, 504, func(t *testing.T, p pipenet.Proto, in wrap, detach bool) {
		if !detach {
			return
		}
		worked := make(chan bool, 1)
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "whole")
			isErr(t, "Send", eof.Send(r.Context()), nil)
			time.Sleep(time.Hour)
			check(t, "Err", r.Context().Err(), nil)
			_, exited := exitcode.From(r.Context())
			check(t, "exited", exited, false)
			worked <- true
		})
		for range 2 {
			a := s.get("/")
			a.is(t, "GET", 200, "whole")
			check(t, "whole after", a.whole, 0)
		}
		<-worked
		<-worked
		s.same()
		check(t, "log", s.Logs(), "")
	})
}

// A hijacked connection is not limited.
func TestX17_Hijack(t *testing.T) {
	limited(t, time.Second, 504, func(t *testing.T, p pipenet.Proto, in wrap, detach bool) {
		if p == pipenet.HTTP2 {
			return
		}
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			c, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Errorf("Hijack() = %v, want nil", err)
				return
			}
			defer c.Close()
			_, ok := r.Context().Deadline()
			check(t, "a Deadline", ok, false)
			time.Sleep(time.Hour)
			check(t, "Err", r.Context().Err(), nil)
			_, _ = rw.WriteString("done")
			isErr(t, "Flush", rw.Flush(), nil)
		}, attach)
		got, after := s.bytes("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
		check(t, "the wire", got, "done")
		check(t, "after", after, time.Hour)
		check(t, "log", s.Logs(), "")
	})
}

// Behind an http.TimeoutHandler: the exit's response is what it buffers, and half of one
// goes nowhere. Where it gives up first, it answers, and the later request of the connection
// is not touched.
func TestX17_TimeoutHandlerOutside(t *testing.T) {
	limited(t, time.Second, 504, func(t *testing.T, p pipenet.Proto, in wrap, _ bool) {
		h := func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/next" {
				time.Sleep(900 * time.Millisecond)
				io.WriteString(w, "next")
				return
			}
			if r.URL.Path == "/written" {
				io.WriteString(w, "part")
			}
			expires(t, r.Context(), time.Second, 504)
		}
		patient := start(t, p, func(h http.Handler) http.Handler { return http.TimeoutHandler(in(h), time.Hour, "") }, h, attach)
		patient.get("/").is(t, "GET", 504, "504 Gateway Timeout\n")
		if a := patient.get("/written"); a.err == nil {
			t.Errorf("GET /written = %d, body %q, want an error", a.status, a.body)
		}

		hasty := start(t, p, func(h http.Handler) http.Handler { return http.TimeoutHandler(in(h), 950*time.Millisecond, "hasty") },
			func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/next" {
					h(w, r)
					return
				}
				<-r.Context().Done()
				time.Sleep(time.Second)
			}, attach)
		for range 3 {
			hasty.get("/").is(t, "GET", 503, "hasty")
			hasty.get("/next").is(t, "GET /next", 200, "next")
		}
		hasty.same()
		time.Sleep(time.Minute) // the handlers
	})
}

// What stands between may hold part of a response back. It never makes half of one look
// complete.
func TestX17_LayersBetween(t *testing.T) {
	for name, put := range between() {
		t.Run(name, func(t *testing.T) {
			limited(t, time.Second, 504, func(t *testing.T, p pipenet.Proto, in wrap, detach bool) {
				for _, mount := range []wrap{
					func(h http.Handler) http.Handler { return exitcode.New(exitcode.Options{})(put(in(h))) },
					func(h http.Handler) http.Handler { return in(put(h)) },
				} {
					s := start(t, p, mount, func(w http.ResponseWriter, r *http.Request) {
						if r.URL.Path != "/" {
							io.WriteString(w, "part")
						}
						if r.URL.Path == "/flush" {
							_ = http.NewResponseController(w).Flush() // not all of them can
						}
						<-r.Context().Done()
					}, attach)
					a := s.get("/").decoded()
					a.is(t, "GET", 504, "504 Gateway Timeout\n")
					check(t, "after", a.whole, time.Second)
					for _, path := range []string{"/written", "/flush"} {
						if a := s.get(path).decoded(); a.err == nil {
							a.is(t, path, 504, "504 Gateway Timeout\n")
						}
					}
				}
			})
		})
	}
}

// The client has left, and a callback decides what that comes to: its handler is limited
// all the same.
func TestX17_ClientLeft(t *testing.T) {
	limited(t, time.Minute, 504, func(t *testing.T, p pipenet.Proto, in wrap, _ bool) {
		outcomes := make(chan middleware.Outcome, 1)
		life := middleware.New(middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { outcomes <- o }})
		drains(t, life)
		s := start(t, p, func(h http.Handler) http.Handler { return life.Handler(in(h)) }, func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/on" {
				isErr(t, "On", abort.On(r.Context(), func(context.Context) {}), nil)
			}
			<-r.Context().Done()
		}, attach)
		for path, want := range map[string]int{"/on": 504, "/": 499} {
			call := s.Begin(s.NewRequest("GET", path, nil))
			synctest.Wait()
			call.Cancel()
			o := <-outcomes
			check(t, path+", Status", o.Status, want)
			check(t, path+", Sent", o.Sent, 0)
			check(t, path+", Exited", o.Exited, path == "/on")
			check(t, path+", aborted", o.Abort != nil, true)
		}
	})
}

func abortCheck(in wrap) wrap {
	return func(h http.Handler) http.Handler { return abort.Check(in(h)) }
}

// A shielded context ends as well.
func TestX17_Shield(t *testing.T) {
	limited(t, time.Second, 504, func(t *testing.T, p pipenet.Proto, in wrap, _ bool) {
		ended := make(chan time.Duration, 1)
		in = abortCheck(in)
		s := start(t, p, in, func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/left" {
				<-r.Context().Done() // by the abort
				begin := time.Now()
				ctx := abort.Shield(r.Context())
				<-ctx.Done()
				ended <- time.Since(begin)
				return
			}
			expires(t, abort.Shield(r.Context()), time.Second, 504)
		}, attach)
		s.get("/").is(t, "GET", 504, "504 Gateway Timeout\n")
		call := s.Begin(s.NewRequest("GET", "/left", nil))
		synctest.Wait()
		call.Cancel()
		check(t, "end of what is shielded from an abort", <-ended, time.Second)
	})
}

// An extended CONNECT, a WebSocket over HTTP/2, is a response like any other: it is cut,
// unless its route lifts the Timeout.
func TestX17_ExtendedConnect(t *testing.T) {
	const on = "http2xconnect=1"
	if !strings.Contains(os.Getenv("GODEBUG"), on) { // net/http reads it as the process begins
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestX17_ExtendedConnect$", "-test.v")
		cmd.Env = append(os.Environ(), "GODEBUG="+on)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestX17_ExtendedConnect/lifted/h2") {
			t.Errorf("with GODEBUG=%s: %v\n%s", on, err, out)
		}
		return
	}
	for _, test := range []struct {
		name  string
		inner time.Duration
	}{{"limited", time.Second}, {"lifted", 0}} {
		t.Run(test.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				if p == pipenet.HTTP1 {
					return
				}
				in := func(h http.Handler) http.Handler {
					return exitcode.Timeout(time.Second, 504)(exitcode.Timeout(test.inner, 504)(h))
				}
				s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
					check(t, ":protocol", r.Header.Get(":protocol"), "websocket")
					sendsOut(t, w, "hello ")
					if test.inner > 0 {
						expires(t, r.Context(), time.Second, 504)
						return
					}
					time.Sleep(time.Hour)
					sendsOut(t, w, "world")
				})
				const connect = "\x02\x07CONNECT\x00\x09:protocol\x09websocket\x86\x04\x01/\x01\x0bexample.com"
				want, wantAfter := "HEADERS DATA(hello ) RST_STREAM", time.Second
				if test.inner == 0 {
					want, wantAfter = "HEADERS DATA(hello ) DATA(world) DATA() END RST_STREAM", time.Hour // of the half that the client left open
				}
				got, after := s.exchange(connect, 0)
				check(t, "the frames", got, want)
				check(t, "the end of the stream after", after, wantAfter)
			})
		})
	}
}

// A request that has ended is not kept by its timer.
func TestX17_NothingIsKept(t *testing.T) {
	type thing struct{ _ [64]byte }
	background := eof.New(eof.Options{})
	defer background.Shutdown(context.Background())
	limit := exitcode.Timeout(time.Hour, 504)
	shorter := exitcode.Timeout(time.Minute, 504)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "whole") })
	for name, h := range map[string]http.Handler{"plain": limit(h), "around Detach": limit(background.Detach(h)), "nested": limit(passes(shorter(h)))} {
		gone := make(chan bool, 1)
		func() {
			kept := new(thing)
			runtime.AddCleanup(kept, func(c chan bool) { c <- true }, gone)
			r := httptest.NewRequestWithContext(context.WithValue(t.Context(), thing{}, kept), "GET", "/", nil)
			h.ServeHTTP(httptest.NewRecorder(), r)
		}()
		freed := false
		for range 10 {
			runtime.GC()
			select {
			case freed = <-gone:
			case <-time.After(100 * time.Millisecond):
				continue
			}
			break
		}
		if !freed {
			t.Errorf("%s: the request is still in memory after its end", name)
		}
	}
}
