package aborttest_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// recorders are the ways to put lastbyte around a handler.
func recorders(t *testing.T) map[string]func(http.Handler) http.Handler {
	life := middleware.New(middleware.Options{})
	t.Cleanup(func() { life.Shutdown(context.Background()) })
	return map[string]func(http.Handler) http.Handler{"Handler": life.Handler, "Detach": life.Detach, "Check": abort.Check}
}

func TestRecorder_Leave(t *testing.T) {
	t.Parallel()
	for mount, wrap := range recorders(t) {
		for _, c := range []struct {
			reason abort.Reason
			major  int
			early  bool // before Serve
			do     func(w http.ResponseWriter, r *http.Request)
		}{
			{"closed", 1, false, waits},
			{"closed", 1, true, waits},
			{"closed", 2, false, waits},
			{"reset", 1, false, waits},
			{"reset", 2, false, waits},
			{"stream_reset", 2, false, waits},
			{"write_failed", 1, false, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "x"); waits(w, r) }},
			{"write_failed", 2, false, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "x"); waits(w, r) }},
			{"body_truncated", 1, false, func(w http.ResponseWriter, r *http.Request) { io.ReadAll(r.Body); waits(w, r) }},
		} {
			t.Run(mount+" "+string(c.reason), func(t *testing.T) {
				rec := aborttest.NewRecorder()
				req := httptest.NewRequest("POST", "/", strings.NewReader("body"))
				req.ProtoMajor = c.major
				if c.early {
					rec.Leave(c.reason)
				}
				var cause *abort.Error
				rec.Serve(wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					rec.Leave(c.reason)
					c.do(w, r)
					cause, _ = abort.Cause(r.Context())
				})), req)
				if cause == nil || cause.Reason != c.reason {
					t.Errorf("Cause() = %v, want %s", cause, c.reason)
				}
				code := 499
				if c.reason == "write_failed" {
					code = 200 // the header came before
				}
				if !rec.Dropped || rec.Code != code {
					t.Errorf("Dropped, Code = %t, %d, want true, %d", rec.Dropped, rec.Code, code)
				}
			})
		}
	}
}

func TestRecorder_Dropped(t *testing.T) {
	t.Parallel()
	exit := func(code exitcode.Code) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), code) }
	}
	for mount, wrap := range recorders(t) {
		for _, c := range []struct {
			name    string
			h       http.HandlerFunc
			dropped bool
			code    int
		}{
			{"444", exit(444), true, 444},
			{"499", exit(499), true, 499},
			{"404", exit(404), false, 404},
			{"fine", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(201) }, false, 201},
			{"ErrAbortHandler", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, true, 200},
		} {
			t.Run(mount+" "+c.name, func(t *testing.T) {
				rec := aborttest.NewRecorder()
				rec.Serve(wrap(c.h), httptest.NewRequest("GET", "/", nil))
				if rec.Dropped != c.dropped || rec.Code != c.code {
					t.Errorf("Dropped, Code = %t, %d, want %t, %d", rec.Dropped, rec.Code, c.dropped, c.code)
				}
			})
		}
	}
}

func TestRecorder_Misuse(t *testing.T) {
	t.Parallel()
	panics := func(what string, f func()) {
		t.Helper()
		defer func() {
			if v, _ := recover().(string); !strings.HasPrefix(v, "aborttest: Recorder.") {
				t.Errorf("%s: panic %q, want one that names the method", what, v)
			}
		}()
		f()
	}
	rec := aborttest.NewRecorder()
	panics("unknown reason", func() { rec.Leave("unverified") })
	rec.Serve(http.NotFoundHandler(), httptest.NewRequest("GET", "/", nil))
	panics("served twice", func() { rec.Serve(http.NotFoundHandler(), httptest.NewRequest("GET", "/", nil)) })
	panics("HTTP/1.1", func() {
		rec := aborttest.NewRecorder()
		rec.Leave("stream_reset")
		rec.Serve(http.NotFoundHandler(), httptest.NewRequest("GET", "/", nil))
	})
	defer func() {
		if v := recover(); v != "mine" {
			t.Errorf("a panic of the handler came out as %v, want mine", v)
		}
	}()
	aborttest.NewRecorder().Serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("mine") }), httptest.NewRequest("GET", "/", nil))
}
