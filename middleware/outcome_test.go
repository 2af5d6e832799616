package middleware_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// ending is a way for a request to end, two seconds after its start.
type ending struct {
	name   string
	mounts []mount
	h      http.HandlerFunc
	leaves bool // the client does

	status, sent int // before the header; after it, they are 202
	bytes        int64
	is           func(o middleware.Outcome) bool
}

var endings = []ending{
	{"returned", mounts, func(http.ResponseWriter, *http.Request) {}, false,
		200, 200, 0, func(o middleware.Outcome) bool { return !o.Exited && o.Abort == nil && o.EOF == 0 && !o.Panicked }},
	{"exit 503", mounts, exitWith(503), false,
		503, 503, int64(len("503 Service Unavailable\n")), isExit(503)},
	{"exit 201", mounts, exitWith(201), false, 201, 201, 0, isExit(201)},
	{"drop 444", mounts, exitWith(exitcode.Close), false, 444, 0, 0, isExit(exitcode.Close)},
	{"drop 499", mounts, exitWith(exitcode.ClientClosedRequest), false, 499, 0, 0, isExit(exitcode.ClientClosedRequest)},
	{"drop 408", mounts, exitWith(408), false, 408, 0, 0, isExit(408)},
	{"drop -1", mounts, exitWith(exitcode.Error), false, 0, 0, 0, isExit(exitcode.Error)},
	{"abort", mounts, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, true,
		499, 0, 0, func(o middleware.Outcome) bool {
			return o.Abort != nil && o.Abort.After == 2*time.Second && !o.Exited
		}},
	{"Send", mounts[1:], func(_ http.ResponseWriter, r *http.Request) {
		eof.Send(r.Context())
		time.Sleep(time.Hour)
	}, false, 200, 200, 0, func(o middleware.Outcome) bool { return o.EOF == 2*time.Second && o.Abort == nil }},
	{"panic", mounts, func(http.ResponseWriter, *http.Request) { panic("on purpose") }, false,
		500, 0, 0, func(o middleware.Outcome) bool { return o.Panicked && !o.Exited }},
	{"drop 444, then panic", mounts[:1], func(_ http.ResponseWriter, r *http.Request) {
		exitcode.Exit(r.Context(), exitcode.Close)
		panic("on purpose")
	}, false, 444, 0, 0, func(o middleware.Outcome) bool { return o.Panicked && o.Exited && o.Exit == exitcode.Close }},
	{"abort, then panic", mounts, func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		panic("on purpose")
	}, true, 499, 0, 0, func(o middleware.Outcome) bool { return o.Panicked && o.Abort != nil }},
	{"ErrAbortHandler", mounts, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false,
		0, 0, 0, func(o middleware.Outcome) bool { return o.Cut && !o.Panicked && !o.Exited && o.Abort == nil }},
	{"wrapped ErrAbortHandler", mounts, func(http.ResponseWriter, *http.Request) {
		panic(fmt.Errorf("in the flight: %w", http.ErrAbortHandler))
	}, false, 0, 0, 0, func(o middleware.Outcome) bool { return o.Cut && !o.Panicked && !o.Exited && o.Abort == nil }},
	{"abort, then ErrAbortHandler", mounts[:1], func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}, true, 499, 0, 0, func(o middleware.Outcome) bool { return !o.Cut && !o.Panicked && o.Abort != nil }},
	{"Goexit", mounts, func(http.ResponseWriter, *http.Request) { runtime.Goexit() }, false,
		500, 0, 0, func(o middleware.Outcome) bool { return o.Panicked && !o.Cut }},
}

func exitWith(code exitcode.Code) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), code) }
}

func isExit(code exitcode.Code) func(o middleware.Outcome) bool {
	return func(o middleware.Outcome) bool { return o.Exited && o.Exit == code && o.Abort == nil && !o.Panicked }
}

func TestOutcome_EndingAndPhase(t *testing.T) {
	for _, e := range endings {
		for _, after := range []bool{false, true} {
			phase := map[bool]string{false: "before header", true: "after header"}[after]
			for _, m := range e.mounts {
				t.Run(e.name+"/"+phase+"/"+m.name, func(t *testing.T) {
					pipenet.Run(t, func(t *testing.T, p pipenet.Proto) { outcomeOf(t, p, m, e, after) })
				})
			}
		}
	}
}

func outcomeOf(t *testing.T, p pipenet.Proto, m mount, e ending, after bool) {
	begin := time.Now()
	s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
		if after {
			w.WriteHeader(http.StatusAccepted)
			io.WriteString(w, "first")
			flush(w)
		}
		if !e.leaves {
			time.Sleep(2 * time.Second)
		}
		e.h(w, r)
	})
	call := s.Begin(s.NewRequest("GET", "/", nil))
	time.Sleep(2 * time.Second)
	if e.leaves {
		call.Cancel()
	}
	status, sent, bytes := e.status, e.sent, e.bytes
	if after {
		status, sent, bytes = 202, 202, int64(len("first"))
	}
	o := take(t, s.ended, "OnEnd")
	if o.Status != status || o.Sent != sent || o.Bytes != bytes || !e.is(o) {
		t.Errorf("Outcome = %+v, want status %d, sent %d, %d bytes, and how it ended", o, status, sent, bytes)
	}
	if !o.Start.Equal(begin) || o.Duration != 2*time.Second || o.Hijacked {
		t.Errorf("Outcome = started %v, took %v, hijacked %v, want %v, 2s, false", o.Start, o.Duration, o.Hijacked, begin)
	}
	time.Sleep(2 * time.Hour)
	none(t, s.ended, "OnEnd, again")
}

func TestOutcome_Hijacked(t *testing.T) {
	for _, upgrade := range []bool{false, true} { // some libraries write the 101 first
		t.Run(map[bool]string{false: "silent", true: "101 first"}[upgrade], func(t *testing.T) {
			for _, m := range mounts {
				t.Run(m.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { outcomeOfHijack(t, m, upgrade) })
				})
			}
		})
	}
}

func outcomeOfHijack(t *testing.T, m mount, upgrade bool) {
	s := start(t, pipenet.HTTP1, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
		if upgrade {
			w.WriteHeader(http.StatusSwitchingProtocols)
		}
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Errorf("Hijack() = %v, want nil", err)
			return
		}
		time.Sleep(2 * time.Second)
		io.WriteString(c, "raw")
		c.Close()
	})
	c := s.Dial()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
	got, err := io.ReadAll(c)
	want, sent := "raw", 0
	if upgrade {
		date := time.Now().UTC().Add(-2 * time.Second).Format(http.TimeFormat)
		want, sent = "HTTP/1.1 101 Switching Protocols\r\nDate: "+date+"\r\n\r\nraw", 101
	}
	if string(got) != want || err != nil {
		t.Errorf("client reads %q, %v, want %q", got, err, want)
	}
	o := take(t, s.ended, "OnEnd")
	if o.Status != 101 || o.Sent != sent || !o.Hijacked || o.Abort != nil || o.Duration != 2*time.Second {
		t.Errorf("Outcome = %+v, want status 101, sent %d, hijacked, 2s", o, sent)
	}
}

// While the request runs, its Outcome says how it stands.
func TestOutcome_WhileTheHandlerWorks(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		got := make(chan middleware.Outcome, 3)
		s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			c, _ := middleware.From(r.Context())
			time.Sleep(time.Second)
			got <- c.Outcome()
			w.WriteHeader(http.StatusAccepted)
			io.WriteString(w, "first")
			flush(w)
			time.Sleep(time.Second)
			got <- c.Outcome()
		})
		if status, text := get(t, s.Server, "/"); status != 202 || text != "first" {
			t.Errorf("answer = %d %q, want 202 first", status, text)
		}
		if o := take(t, got, "first look"); o.Status != 0 || o.Sent != 0 || o.Bytes != 0 || o.Duration != time.Second {
			t.Errorf("Outcome before the header = %+v, want zeros after 1s", o)
		}
		if o := take(t, got, "second look"); o.Status != 202 || o.Sent != 202 || o.Bytes != 5 || o.Duration != 2*time.Second {
			t.Errorf("Outcome after the header = %+v, want 202, 202, 5 bytes after 2s", o)
		}
	})
}

// Start is one instant however often it is asked for, on the real clock, too.
func TestOutcome_Start(t *testing.T) {
	life := newLife(t, middleware.Options{})
	before := time.Now()
	life.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c, _ := middleware.From(r.Context())
		first := c.Outcome().Start
		if second := c.Outcome().Start; !second.Equal(first) || first.Before(before) || time.Since(first) < 0 {
			t.Errorf("Start = %v, then %v, want twice the same instant since %v", first, second, before)
		}
		if d := first.Round(0).Sub(before.Round(0)); d.Abs() > time.Minute {
			t.Errorf("Start is %v away by the wall clock, want next to nothing", d)
		}
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}

// Without a Lifecycle nobody is told of the end, and nothing notes its time.
func TestOutcome_DurationWithoutALifecycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *middleware.Controller
		s := pipenet.Start(t, pipenet.HTTP1, abort.Check(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			c, _ = middleware.From(r.Context())
			time.Sleep(time.Second)
		})))
		if _, err := s.Get("/"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if d := c.Outcome().Duration; d != 2*time.Second {
			t.Errorf("Duration a second after the end of a request of one second = %v, want 2s", d)
		}
	})
}
