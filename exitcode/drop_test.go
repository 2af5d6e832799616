package exitcode_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

func TestX5_CloseDropsConnection(t *testing.T)    { drops(t, 444, 444) }
func TestX6_499DropsConnection(t *testing.T)      { drops(t, 499, 499) }
func TestX6_408DropsConnection(t *testing.T)      { drops(t, 408, 408) }
func TestX7_ErrorDropsConnection(t *testing.T)    { drops(t, -1, 0) }
func TestX5_CloseAfterHeaderCutsOff(t *testing.T) { cutsOff(t, 444) }
func TestX6_499AfterHeaderCutsOff(t *testing.T)   { cutsOff(t, 499) }
func TestX6_408AfterHeaderCutsOff(t *testing.T)   { cutsOff(t, 408) }
func TestX7_ErrorAfterHeaderCutsOff(t *testing.T) { cutsOff(t, -1) }

// attach gives exits the connection, which HTTP/1 needs to close it while the
// handler keeps running.
func attach(srv *http.Server) { srv.ConnContext = abort.ConnContext }

// drops: not one byte, at once, and the recorder outside knows the code.
func drops(t *testing.T, code exitcode.Code, status int) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		h := func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Set", "before")
			isErr(t, fmt.Sprintf("Exit(%d)", int(code)), exitcode.Exit(r.Context(), code), nil)
			check(t, "the cause", causeCode(r.Context()), code)
			refusedWrites(t, w)
		}
		s := start(t, p, in, h)
		s.nothing("/")
		s.recorded(status)
		if a := s.get("/"); a.err == nil {
			t.Errorf("GET = %d, want an error", a.status)
		}
		s.recorded(status)
		check(t, "log", s.Logs(), "")

		s = start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			h(w, r)
			time.Sleep(time.Hour)
		}, attach)
		s.nothing("/")
		s.recorded(status)
		check(t, "log", s.Logs(), "")
	})
}

// cutsOff: what was flushed is there, and then nothing that would make it look
// whole.
func cutsOff(t *testing.T, code exitcode.Code) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		h := func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "part")
			http.NewResponseController(w).Flush()
			time.Sleep(time.Second)
			io.WriteString(w, "lost")
			isErr(t, fmt.Sprintf("Exit(%d)", int(code)), exitcode.Exit(r.Context(), code), nil)
			check(t, "the cause", causeCode(r.Context()), code)
			refusedWrites(t, w)
		}
		s := start(t, p, in, h)
		s.cutOff("/", "part", time.Second)
		s.recorded(200)
		a := s.get("/")
		if a.status != 200 || a.body != "part" || a.err == nil {
			t.Errorf("GET = %d, body %q, %v, want 200, \"part\" and an error", a.status, a.body, a.err)
		}
		if p == pipenet.HTTP1 && !errors.Is(a.err, io.ErrUnexpectedEOF) {
			t.Errorf("reading the body = %v, want %v", a.err, io.ErrUnexpectedEOF)
		}

		s = start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			h(w, r)
			time.Sleep(time.Hour)
		}, attach)
		s.cutOff("/", "part", time.Second)
		s.recorded(200)
		check(t, "log", s.Logs(), "")
	})
}

// What net/http still holds when the exit comes is lost, the status with it.
func TestX5_UnflushedIsLost(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, strings.Repeat("x", 3000))
			isErr(t, "Exit", exitcode.Exit(r.Context(), pathCode(r)), nil)
		})
		for _, path := range []string{"/444", "/499", "/408", "/-1"} {
			s.nothing(path)
			s.recorded(200) // the outer recorder heard of the Write
		}
	})
}

// An exit does not touch the other requests of an HTTP/2 connection.
func TestX5_OtherStreamsLive(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		if p == pipenet.HTTP1 {
			return // one request at a time
		}
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/long" {
				time.Sleep(time.Hour)
				io.WriteString(w, "whole")
				return
			}
			exitcode.Exit(r.Context(), pathCode(r))
		})
		long := s.Begin(s.NewRequest("GET", "/long", nil))
		time.Sleep(time.Second)
		for _, path := range []string{"/444", "/408", "/499", "/-1"} {
			if a := s.get(path); a.err == nil {
				t.Errorf("GET %s = %d, want an error", path, a.status)
			}
		}
		s.get("/404").is(t, "the next one", 404, "404 Not Found\n")
		res, err := long.Wait()
		if err != nil {
			t.Fatalf("the other request: %v, want a response", err)
		}
		if b, err := io.ReadAll(res.Body); string(b) != "whole" || err != nil {
			t.Errorf("the other request: %q, %v, want \"whole\"", b, err)
		}
		s.same()
	})
}

// A request body that is not read does not keep the connection open: small, so
// that net/http would read it; large; chunked; partly sent; partly read.
func TestX5_X6_X7_UnreadBody(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for _, configure := range []func(*http.Server){func(*http.Server) {}, attach} {
			s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Read") != "" {
					_, err := io.ReadFull(r.Body, make([]byte, 5))
					isErr(t, "reading 5 bytes", err, nil)
				}
				isErr(t, "Exit", exitcode.Exit(r.Context(), pathCode(r)), nil)
			}, configure)
			for _, code := range []int{444, 499, 408, -1} {
				for _, b := range unreadBodies {
					s.dropsUnread(b, code)
				}
			}
			check(t, "log", s.Logs(), "")
		}
	})
}

// dropsUnread fails the test if a POST whose body is held back is not dropped
// at once.
func (s *server) dropsUnread(b unreadBody, code int) {
	s.t.Helper()
	path := fmt.Sprintf("/%d", code)
	what := fmt.Sprintf("POST %s, %s", path, b.name)
	if s.proto == pipenet.HTTP1 {
		got, after := s.bytes("POST " + path + " HTTP/1.1\r\nHost: example.com\r\n" + b.text)
		check(s.t, what+": the wire", got, "")
		check(s.t, what+": end of the connection", after, 0)
	} else if a := s.do(b.request(s, path)); a.err == nil || a.after != 0 {
		s.t.Errorf("%s = %d after %v, want an error at once", what, a.status, a.after)
	}
	s.recorded(max(0, code))
}
