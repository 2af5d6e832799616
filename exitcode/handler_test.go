package exitcode_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// adapted is Handler for [start].
func adapted(h func(http.ResponseWriter, *http.Request) error) handlerFunc {
	return exitcode.Handler(h).ServeHTTP
}

var errSecret = errors.New("secret: row 7")

func TestHandler_Errors(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for _, c := range []struct {
			name   string
			err    error
			status int
			body   string
			log    string
		}{
			{"nil", nil, 200, "fine", ""},
			{"coded", exitcode.Code(404).Err(), 404, "404 Not Found\n", ""},
			{"literal", &exitcode.ExitError{Code: 799}, 799, "799\n", "exit 799"},
			{"wrapped", fmt.Errorf("load: %w: %w", errSecret, exitcode.Code(409).Err()), 409, "409 Conflict\n", ""},
			{"joined", errors.Join(errSecret, exitcode.Code(410).Err()), 410, "410 Gone\n", ""},
			{"success", exitcode.Code(204).Err(), 204, "", ""},
			{"coded 500", exitcode.Code(500).Err(), 500, "500 Internal Server Error\n", "exit 500"},
			{"wrapped 503", fmt.Errorf("load: %w", errors.Join(errSecret, exitcode.Code(503).Err())), 503,
				"503 Service Unavailable\n", errSecret.Error()},
			{"wrapped 599", fmt.Errorf("load: %w: %w", exitcode.Code(599).Err(), errSecret), 599, "599\n", errSecret.Error()},
			{"wrapped 499", fmt.Errorf("load: %w: %w", exitcode.Code(498).Err(), errSecret), 498, "498\n", ""},
			{"ErrExited", fmt.Errorf("write: %w", exitcode.ErrExited), 500, "500 Internal Server Error\n", ""},
			{"ErrEnded", exitcode.ErrEnded, 500, "500 Internal Server Error\n", ""},
			{"an abort", fmt.Errorf("read: %w", &abort.Error{Reason: abort.Reset}), 500, "500 Internal Server Error\n", ""},
			{"plain", errSecret, 500, "500 Internal Server Error\n", errSecret.Error()},
			{"a context's", context.Canceled, 500, "500 Internal Server Error\n", "context canceled"},
		} {
			for _, chain := range []wrap{in, bare} {
				s := start(t, p, chain, adapted(func(w http.ResponseWriter, r *http.Request) error {
					w.Header().Set("Handler", "was here")
					if c.err == nil {
						io.WriteString(w, c.body)
					}
					return c.err
				}))
				a := s.get("/")
				a.is(t, c.name, c.status, c.body)
				check(t, c.name+", header Handler", a.header.Get("Handler"), "was here")
				s.recorded(c.status)
				synctest.Wait()
				if got := s.Logs(); !strings.Contains(got, c.log) || strings.Count(got, "\n") != min(1, len(c.log)) {
					t.Errorf("%s: log = %q, want %q in one line, or nothing", c.name, got, c.log)
				}
			}
		}
	})
}

func TestHandler_Drops(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, adapted(func(w http.ResponseWriter, r *http.Request) error {
			if r.URL.Query().Has("sent") {
				io.WriteString(w, "part")
				http.NewResponseController(w).Flush()
			}
			return fmt.Errorf("wrapped: %w", pathCode(r).Err())
		}))
		for _, code := range []int{444, 499, 408, -1} {
			s.nothing(fmt.Sprintf("/%d", code))
			s.recorded(max(0, code))
			s.cutOff(fmt.Sprintf("/%d?sent", code), "part", 0)
			s.recorded(200)
		}
		if log := s.Logs(); strings.Count(log, "\n") != 2 || strings.Count(log, `"wrapped: exit -1`) != 2 {
			t.Errorf("log = %q, want the error with -1 in two lines, and no other", log)
		}
	})
}

// What is written stays, and the error is logged all the same.
func TestHandler_ErrorAfterHeader(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, adapted(func(w http.ResponseWriter, r *http.Request) error {
			w.WriteHeader(206)
			io.WriteString(w, "part")
			return errSecret
		}))
		s.get("/").is(t, "GET", 206, "part")
		s.recorded(206)
		synctest.Wait()
		check(t, "times that the error is in the log", strings.Count(s.Logs(), errSecret.Error()), 1)
		s.same()
	})
}

// An exit that came before the return stands.
func TestX10_HandlerErrorAfterExit(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, adapted(func(w http.ResponseWriter, r *http.Request) error {
			isErr(t, "Exit(403)", exitcode.Exit(r.Context(), 403), nil)
			return exitcode.Code(500).Err()
		}))
		s.get("/").is(t, "GET", 403, "403 Forbidden\n")
		s.recorded(403)
	})
}

// A client that has left is told nothing, and the log neither: 499, whatever
// the error says.
func TestHandler_ClientAborted(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for name, err := range map[string]error{
			"the context's": context.Canceled, "plain": errSecret, "coded": exitcode.Code(404).Err(), "abort": abort.ErrClientAborted,
		} {
			for _, callback := range []bool{false, true} {
				h := adapted(func(w http.ResponseWriter, r *http.Request) error {
					if callback {
						isErr(t, "On", abort.On(r.Context(), func(context.Context) {}), nil)
						time.Sleep(time.Minute)
					} else {
						<-r.Context().Done()
					}
					return err
				})
				s := start(t, p, func(h http.Handler) http.Handler { return abort.Check(in(h)) }, h)
				s.leaves("/")
				s.recorded(499)
				synctest.Wait()
				check(t, fmt.Sprintf("%s, callback %t, log", name, callback), s.Logs(), "")
			}
		}
	})
}

// What lastbyte has said itself is not worth a line.
func TestHandler_RepeatsTheEnding(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, w http.ResponseWriter, r *http.Request) error{
		"the write's error": func(t *testing.T, w http.ResponseWriter, r *http.Request) error {
			isErr(t, "Exit(503)", exitcode.Exit(r.Context(), 503), nil)
			_, err := io.WriteString(w, "too late")
			return fmt.Errorf("write: %w", err)
		},
		"the cause": func(t *testing.T, _ http.ResponseWriter, r *http.Request) error {
			isErr(t, "Exit(503)", exitcode.Exit(r.Context(), 503), nil)
			return fmt.Errorf("query: %w", context.Cause(r.Context()))
		},
		"the second exit's": func(t *testing.T, _ http.ResponseWriter, r *http.Request) error {
			isErr(t, "Exit(503)", exitcode.Exit(r.Context(), 503), nil)
			return exitcode.Exit(r.Context(), 500)
		},
		"a thread's": func(t *testing.T, _ http.ResponseWriter, r *http.Request) error {
			th, err := thread.Spawn(r.Context(), func(ctx context.Context) error {
				exitcode.Throw(ctx, 503)
				return nil
			})
			isErr(t, "Spawn", err, nil)
			return th.Wait(context.WithoutCancel(r.Context()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
				s := start(t, p, in, adapted(func(w http.ResponseWriter, r *http.Request) error { return end(t, w, r) }))
				s.get("/").is(t, "GET", 503, "503 Service Unavailable\n")
				s.recorded(503)
				check(t, "log", s.Logs(), "")
			})
		})
	}
}

// After Send, too, ErrEnded says nothing new; another error does.
func TestHandler_ErrorAfterSend(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		s := start(t, p, background(t).Detach, adapted(func(w http.ResponseWriter, r *http.Request) error {
			isErr(t, "Send", eof.Send(r.Context()), nil)
			if r.URL.Path == "/secret" {
				return errSecret
			}
			_, err := io.WriteString(w, "too late")
			return err
		}))
		s.get("/").is(t, "GET", 200, "")
		synctest.Wait()
		dropped := "lastbyte: eof.Send: 8 bytes written after it were dropped: Send came before any status or byte\n"
		check(t, "log", s.Logs(), dropped)
		s.get("/secret").is(t, "GET", 200, "")
		synctest.Wait()
		check(t, "times that the error is in the log", strings.Count(s.Logs(), errSecret.Error()), 1)
	})
}
