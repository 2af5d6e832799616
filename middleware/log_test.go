package middleware_test

import (
	"bytes"
	"io"
	"log"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"

	"github.com/rs/zerolog"
)

// fields are those that a log line has in any case, changed by others.
func fields(p pipenet.Proto, others map[string]any) map[string]any {
	f := map[string]any{
		"level": "info", "message": "request", "method": "GET", "path": "/item/7", "route": "/item/{id}",
		"proto":  map[pipenet.Proto]string{pipenet.HTTP1: "HTTP/1.1", pipenet.HTTP2: "HTTP/2.0"}[p],
		"status": 200., "sent": 200., "size": 0., "duration_ms": 2000., "request_id": "the id",
	}
	maps.Copy(f, others)
	return f
}

// logged is a handler and the fields of its request's log line.
type logged struct {
	name   string
	mounts []mount
	h      http.HandlerFunc
	leaves bool
	want   map[string]any
	eof    any // of the line that says when detached work ended; 0: there is none
}

var logLines = []logged{
	{"returned", mounts, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(2 * time.Second)
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, "hello")
	}, false, map[string]any{"status": 201., "sent": 201., "size": 5.}, 0},
	{"exit", mounts, exitIn2s(404, 0), false, map[string]any{"status": 404., "sent": 404., "size": 14., "exit": 404.}, 0},
	{"drop", mounts[:1], exitIn2s(exitcode.Close, 0), false, map[string]any{"status": 444., "sent": 0., "exit": 444.}, 0},
	{"drop without status", mounts[:1], exitIn2s(exitcode.Error, 0), false, map[string]any{"status": 0., "sent": 0., "exit": -1.}, 0},
	{"drop and work on", mounts[1:], exitIn2s(exitcode.Close, time.Hour), false,
		map[string]any{"status": 444., "sent": 0., "exit": 444.}, nil},
	{"abort", mounts, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, true, aborted, 0},
	{"Send", mounts[1:], func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(2 * time.Second)
		io.WriteString(w, "hello")
		eof.Send(r.Context())
		time.Sleep(time.Hour)
	}, false, map[string]any{"size": 5., "eof_ms": 2000.}, 2000.},
	{"panic", mounts, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(2 * time.Second)
		panic(http.ErrAbortHandler)
	}, false, map[string]any{"status": 0., "sent": 0., "cut": true}, 0},
}

var aborted = map[string]any{
	"status": 499., "sent": 0., "aborted": true, "abort_reason": "unverified", "abort_stage": "handler", "abort_after_ms": 2000.,
}

func exitIn2s(code exitcode.Code, work time.Duration) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		time.Sleep(2 * time.Second)
		exitcode.Exit(r.Context(), code)
		time.Sleep(work)
	}
}

func TestLog_OneLinePerRequest(t *testing.T) {
	for _, l := range logLines {
		for _, m := range l.mounts {
			t.Run(l.name+"/"+m.name, func(t *testing.T) {
				pipenet.Run(t, func(t *testing.T, p pipenet.Proto) { logLine(t, p, m, l) })
			})
		}
	}
}

func logLine(t *testing.T, p pipenet.Proto, m mount, l logged) {
	log := new(lines)
	life := newLife(t, middleware.Options{Logger: zerolog.New(log)})
	r := chi.NewRouter()
	r.Use(chimiddleware.RequestID)
	r.With(func(h http.Handler) http.Handler { return m.wrap(life, h) }).Get("/item/{id}", l.h)
	want := fields(p, l.want)
	s := pipenet.Start(t, p, r)
	req := s.NewRequest("GET", "/item/7?secret=1", nil)
	req.Header.Set(chimiddleware.RequestIDHeader, "the id")
	call := s.Begin(req)
	time.Sleep(2 * time.Second)
	if l.leaves {
		call.Cancel()
	}
	got := log.take(t)
	if len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("log = %v, want one line %v", got, want)
	}
	time.Sleep(2 * time.Hour)
	got = log.take(t)
	if l.eof == 0 {
		if len(got) != 0 {
			t.Errorf("later log = %v, want nothing", got)
		}
		return
	}
	want = map[string]any{
		"level": "info", "message": "detached work ended", "method": "GET", "path": "/item/7", "worked_ms": 3602000.,
		"route": "/item/{id}", "request_id": "the id",
	}
	if l.eof != nil {
		want["eof_ms"] = l.eof
	}
	if len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("log after the work = %v, want one line %v", got, want)
	}
}

// Where the routing is inside of the Lifecycle, the line has the route as well.
func TestLog_RouteInside(t *testing.T) {
	for _, l := range logLines {
		if l.name != "returned" && l.name != "exit" && l.name != "panic" {
			continue
		}
		t.Run(l.name, func(t *testing.T) {
			each(t, func(t *testing.T, p pipenet.Proto, m mount) {
				log := new(lines)
				life := newLife(t, middleware.Options{Logger: zerolog.New(log)})
				r := chi.NewRouter()
				r.Use(func(h http.Handler) http.Handler { return m.wrap(life, h) })
				r.Get("/item/{id}", l.h)
				s := pipenet.Start(t, p, r)
				if res, err := s.Get("/item/7"); err == nil {
					res.Body.Close()
				}
				if got := log.take(t); len(got) != 1 || got[0]["route"] != "/item/{id}" {
					t.Errorf("log = %v, want one line with the route", got)
				}
			})
		})
	}
}

// Without chi around it there is no route, and without RequestID no id.
func TestLog_Plain(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, middleware.Options{}, func(http.ResponseWriter, *http.Request) { time.Sleep(2 * time.Second) })
		get(t, s.Server, "/item/7")
		want := fields(p, nil)
		delete(want, "route")
		delete(want, "request_id")
		if got := s.log.take(t); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("log = %v, want one line %v", got, want)
		}
	})
}

// What goes wrong goes to the Logger, and to http.Server.ErrorLog if that is
// silent.
func TestLog_Problems(t *testing.T) {
	const text = "lastbyte: exit with status 503 after the header with status 202 was sent"
	late := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		flush(w)
		exitcode.Exit(r.Context(), 503)
	}
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, middleware.Options{}, late)
		get(t, s.Server, "/item/7")
		want := map[string]any{"level": "error", "method": "GET", "path": "/item/7", "message": text}
		problems, requests := 0, 0 // in any order: the response ends on another goroutine
		for _, line := range s.log.take(t) {
			switch {
			case line["message"] == "request":
				requests++
			case line["level"] == "error":
				problems++
				if !reflect.DeepEqual(line, want) {
					t.Errorf("log = %v, want %v", line, want)
				}
			}
		}
		if problems != 1 || requests != 1 {
			t.Errorf("log has %d problems, %d requests, want one each", problems, requests)
		}
		if logsBut(s.Server) != "" {
			t.Errorf("ErrorLog = %q, want nothing", s.Logs())
		}
	})
	for name, log := range map[string]zerolog.Logger{"zero": {}, "Nop": zerolog.Nop()} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, p pipenet.Proto, m mount) {
				life := newLife(t, middleware.Options{Logger: log})
				s := pipenet.Start(t, p, m.wrap(life, http.HandlerFunc(late)))
				get(t, s, "/item/7")
				synctest.Wait()
				if logsBut(s) != text+"\n" {
					t.Errorf("ErrorLog = %q, want %q alone", s.Logs(), text)
				}
			})
		})
	}
}

func TestLogger_Level(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		var log lines
		life := newLife(t, middleware.Options{Logger: zerolog.New(&log).Level(zerolog.WarnLevel)})
		s := pipenet.Start(t, p, m.wrap(life, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context()) // without Detach that is an error
		})))
		if _, err := s.Get("/"); err != nil {
			t.Fatal(err)
		}
		if err := life.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"Handler": 1}[m.name]
		if all := log.take(t); len(all) != want {
			t.Errorf("a logger of level warn got %v, want %d lines, of errors alone", all, want)
		}
	})
}

// panickyWriter panics at lines with a text in them.
type panickyWriter string

func (w panickyWriter) Write(b []byte) (int, error) {
	if strings.Contains(string(b), string(w)) {
		panic("on purpose")
	}
	return len(b), nil
}

// On a goroutine of lastbyte's own, a panic of the logger would end the process.
func TestLogger_Panics(t *testing.T) {
	for line, h := range map[string]http.HandlerFunc{
		"detached work ended": func(_ http.ResponseWriter, r *http.Request) { eof.Send(r.Context()); time.Sleep(time.Second) },
		"panic serving":       func(http.ResponseWriter, *http.Request) { panic("the handler") },
	} {
		t.Run(line, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				var std bytes.Buffer
				defer log.SetOutput(log.Writer())
				log.SetOutput(&std)
				life := newLife(t, middleware.Options{Logger: zerolog.New(panickyWriter(line))})
				s := pipenet.Start(t, p, life.Detach(h))
				s.Get("/") // the second handler gives no response
				if err := life.Shutdown(t.Context()); err != nil {
					t.Errorf("Shutdown() = %v, want nil", err)
				}
				synctest.Wait()
				if text := std.String(); !strings.Contains(text, "on purpose") {
					t.Errorf("the standard logger got %q, want the logger's panic", text)
				}
			})
		})
	}
}
