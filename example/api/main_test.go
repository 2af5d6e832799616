package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/aborttest"
)

// eachAPI runs body with a new api, on both protocols.
func eachAPI(t *testing.T, body func(t *testing.T, get func(path string) *aborttest.Call, log func() string)) {
	for _, p := range []aborttest.Protocol{aborttest.HTTP1, aborttest.HTTP2} {
		t.Run(string(p), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &strings.Builder{}
				a := newAPI(slog.New(slog.NewTextHandler(log, nil)))
				c := aborttest.Start(t, aborttest.Options{Protocols: []aborttest.Protocol{p}, Lifecycle: a.life}, a.router())
				body(t, func(path string) *aborttest.Call {
					r := c.NewRequest("GET", path, nil)
					r.Header.Set("Authorization", "Bearer ann")
					r.Header.Set("X-Request-Id", "r7")
					return c.Do(r)
				}, func() string { synctest.Wait(); return log.String() })
				if res := c.Get("/notes/1").Response(); res.Status != 401 || res.Header.Get("WWW-Authenticate") != "Bearer" ||
					res.Header.Get("Content-Type") != "application/problem+json" {
					t.Errorf("Response without a token = %+v, want a problem with 401", res)
				}
			})
		})
	}
}

// The client is told what is for it, and the log has the rest, once.
func TestAPI_Responses(t *testing.T) {
	for _, c := range []struct {
		path, body string
		status     int
		log        string // what the client must not see, in the log once
	}{
		{"/notes/1", `{"text":"milk","user":"ann"}`, 200, ""},
		{"/notes/2", `{"type":"about:blank","title":"Not Found","status":404,"detail":"There is no note 2.","instance":"/notes/2","request_id":"r7"}`, 404, ""},
		{"/notes/down", `{"type":"about:blank","title":"Internal Server Error","status":500,"instance":"/notes/down","request_id":"r7"}`, 500, "10.0.0.7"},
		{"/notes/full", `{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"Try again.","instance":"/notes/full","request_id":"r7"}`, 503, "10.0.0.7"},
		{"/notes/bug", `{"type":"about:blank","title":"Internal Server Error","status":500,"instance":"/notes/bug","request_id":"r7"}`, 500, "10.0.0.7"},
		{"/nowhere", `{"type":"about:blank","title":"Not Found","status":404,"instance":"/nowhere","request_id":"r7"}`, 404, ""},
	} {
		t.Run(c.path, func(t *testing.T) {
			eachAPI(t, func(t *testing.T, get func(path string) *aborttest.Call, log func() string) {
				res := get(c.path).Response()
				if got := strings.TrimSpace(res.Body); res.Status != c.status || !sameJSON(t, got, c.body) {
					t.Errorf("Response = %d %s, want %d %s", res.Status, got, c.status, c.body)
				}
				if got := log(); c.log != "" && strings.Count(got, c.log) != 1 || !strings.Contains(got, "user=ann") || !strings.Contains(got, "request_id=r7") {
					t.Errorf("the log is\n%s\nwant the user, the id and once %q", got, c.log)
				}
			})
		})
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y map[string]any
	if err := errors.Join(json.Unmarshal([]byte(a), &x), json.Unmarshal([]byte(b), &y)); err != nil {
		t.Errorf("%q or %q: %v", a, b, err)
		return false
	}
	return fmt.Sprint(x) == fmt.Sprint(y)
}

// A store that is slow costs five seconds, and the client is told.
func TestAPI_Timeout(t *testing.T) {
	for _, path := range []string{"/notes/slow", "/at-once/slow"} {
		t.Run(path, func(t *testing.T) {
			eachAPI(t, func(t *testing.T, get func(path string) *aborttest.Call, _ func() string) {
				call := get(path)
				if res := call.Response(); res.Status != 504 || !strings.Contains(res.Body, `"Gateway Timeout"`) {
					t.Errorf("Response = %+v, want a problem with 504", res)
				}
				if o := call.Outcome(); o.Status != 504 || o.Duration != 5*time.Second {
					t.Errorf("Outcome = %+v, want 504 after 5s", o)
				}
			})
		})
	}
}

// A client that leaves ends the call of the store, and is no error.
func TestAPI_ClientLeaves(t *testing.T) {
	eachAPI(t, func(t *testing.T, get func(path string) *aborttest.Call, log func() string) {
		call := get("/notes/slow")
		time.Sleep(time.Second)
		call.Leave(aborttest.Timeout)
		if o := call.Outcome(); o.Status != 499 || o.Abort == nil || o.Duration != time.Second {
			t.Errorf("Outcome = %+v, want 499 after 1s", o)
		}
		if got := log(); strings.Contains(got, "ERROR") {
			t.Errorf("the log is\n%s\nwant no error", got)
		}
	})
}
