package main

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func problem(title, status, path string) string {
	return `{"type":"about:blank","title":"` + title + `","status":` + status + `,"instance":"` + path + "\"}\n"
}

func TestRoutes_Answers(t *testing.T) {
	p := start(t, "-long", "0s", "-work", "0s")
	tests := []struct {
		path   string
		status int
		body   string
		phases []string
	}{
		{"/ready", 200, "ready\n", nil},
		{"/long", 200, "done, nothing to roll back\n", nil},
		{"/phases?user=bob", 200, "hello, bob\n", []string{"rewrite", "access", "content"}},
		{"/phases?user=root", 200, "hello, admin\n", []string{"rewrite", "access", "content"}},
		{"/phases?user=mallory", 403, problem("Forbidden", "403", "/phases"), []string{"rewrite", "access"}},
		{"/phases", 401, problem("Unauthorized", "401", "/phases"), []string{"rewrite", "access"}},
		{"/gone", 410, "This is our own content\n", nil},
		{"/exit/0", 200, "", nil},
		{"/exit/204", 204, "", nil},
		{"/exit/404", 404, problem("Not Found", "404", "/exit/404"), nil},
		{"/exit/77", 400, problem("Bad Request", "400", "/exit/77"), nil},
		{"/exit/now", 400, problem("Bad Request", "400", "/exit/now"), nil},
		{"/async", 200, "got the task!\n", nil},
		{"/deferred", 200, "two tasks are left for later, see the log\n", nil},
	}
	eachProtocol(t, func(t *testing.T, c *http.Client) {
		for _, tt := range tests {
			res, body := get(t, c, p.url+tt.path)
			if res.StatusCode != tt.status || body != tt.body {
				t.Errorf("GET %s = %d %q, want %d %q", tt.path, res.StatusCode, body, tt.status, tt.body)
			}
			if got := res.Header.Values("X-Phase"); !slices.Equal(got, tt.phases) {
				t.Errorf("GET %s: X-Phase %q, want %q", tt.path, got, tt.phases)
			}
		}
	})
}

func TestLong_ClientLeaves(t *testing.T) {
	for name, reason := range map[string]string{"h1": "closed", "h2": "stream_reset"} {
		t.Run(name, func(t *testing.T) {
			p := start(t, "-long", "1h")
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			req, err := http.NewRequestWithContext(ctx, "GET", p.url+"/long", nil)
			if err != nil {
				t.Fatal(err)
			}
			gone := make(chan error, 1)
			go func() {
				_, err := client(t, name == "h2").Do(req)
				gone <- err
			}()
			p.log.wait(t, `long: working`)
			leave()
			if err := <-gone; err == nil {
				t.Error("the client got an answer, want none")
			}
			line := p.log.wait(t, `.*"message":"request"`)
			for _, want := range []string{`"path":"/long"`, `"status":499`, `"sent":0`, `"aborted":true`, `"abort_reason":"` + reason + `"`} {
				if !strings.Contains(line, want) {
					t.Errorf("log line %s, want %s in it", line, want)
				}
			}
			// The callback exits first; what it and the handler say then has no order.
			for _, then := range []string{`rolled back`, `exit 499 Client Closed Request.*long: stopped`} {
				story := regexp.MustCompile(`(?s)client left after [0-9.]+[µm]?s: ` + reason + `.*` + then)
				if !story.MatchString(p.log.String()) {
					t.Errorf("log\n%s\nwant %s", p.log, story)
				}
			}
		})
	}
}

func TestExit_DropsTheConnection(t *testing.T) {
	p := start(t)
	eachProtocol(t, func(t *testing.T, c *http.Client) {
		if res, err := c.Get(p.url + "/exit/444"); err == nil {
			t.Errorf("GET /exit/444 = %s, want an error", res.Status)
		}
		// A client of HTTP/1 without a reused connection asks once.
		p.log.wait(t, `.*"path":"/exit/444".*"status":444,"sent":0.*`)
	})
}

func TestAsync_SecondRequestOnTheSameConnection(t *testing.T) {
	p := start(t, "-work", "1h", "-grace", "1ms")
	eachProtocol(t, func(t *testing.T, c *http.Client) {
		for i, want := range []bool{false, true} {
			var reused bool
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
				GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused },
			})
			req, err := http.NewRequestWithContext(ctx, "GET", p.url+"/async", nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := c.Do(req)
			if err != nil {
				t.Fatalf("request %d: %v, want an answer", i, err)
			}
			if body := read(t, res); body != "got the task!\n" || reused != want {
				t.Errorf("request %d = %q, on a reused connection: %v; want %q, %v", i, body, reused, "got the task!\n", want)
			}
		}
	})
	p.stop()
	if status := <-p.status; status != 1 {
		t.Errorf("run() = %d without time to drain, want 1", status)
	}
	p.log.wait(t, `shutdown gave up 4 handlers \(.*GET /async, .*\): context deadline exceeded`)
	if strings.Contains(p.log.String(), "async: done") {
		t.Errorf("async is done; log\n%s", p.log)
	}
}

func TestAsync_WorksOn(t *testing.T) {
	p := start(t, "-work", "1ms")
	eachProtocol(t, func(t *testing.T, c *http.Client) {
		get(t, c, p.url+"/async")
	})
	p.log.wait(t, `(?s)(async: done.*){2}`)
	p.log.wait(t, `(?s)(detached work ended.*){2}`)
}

func TestDeferred_RunsEarlyAtShutdown(t *testing.T) {
	p := start(t, "-work", "1h")
	get(t, client(t, false), p.url+"/deferred")
	p.log.wait(t, `deferred: the client has its answer`)
	p.stop()
	if status := <-p.status; status != 0 {
		t.Errorf("run() = %d, want 0; log\n%s", status, p.log)
	}
	p.log.wait(t, `"premature":true,.*"message":"deferred: later"`)
}

func TestFanout_FirstAnswerCounts(t *testing.T) {
	p := start(t, "-step", "0s", "-long", "1h")
	eachProtocol(t, func(t *testing.T, c *http.Client) {
		const want = "cache has answered\nreplica: thread: killed\nprimary: thread: killed\n"
		if res, body := get(t, c, p.url+"/fanout"); res.StatusCode != 200 || body != want {
			t.Errorf("GET /fanout = %d %q, want 200 %q", res.StatusCode, body, want)
		}
	})
}

// TestUsage_NamesEveryRoute holds the printed commands against the router.
func TestUsage_NamesEveryRoute(t *testing.T) {
	p := start(t, "-long", "0s", "-work", "0s", "-step", "0s", "-limit", "1m")
	printed := p.stdout.wait(t, `(?s)Listening.*curl/curl#10643.*\n`)
	c := client(t, false)
	paths := make(map[string]bool)
	for _, u := range regexp.MustCompile(regexp.QuoteMeta(p.url)+`/[^\s']*`).FindAllString(printed, -1) {
		u, err := url.Parse(u)
		if err != nil {
			t.Fatal(err)
		}
		paths[u.Path] = true
		if u.Path == "/exit/444" || u.Path == "/stream" {
			continue
		}
		if res, body := get(t, c, u.String()); res.StatusCode == 404 && u.Path != "/exit/404" {
			t.Errorf("GET %s = 404 %q, want a route", u, body)
		}
	}
	for _, want := range []string{"/long", "/phases", "/gone", "/exit/404", "/exit/444", "/async", "/deferred", "/fanout", "/ready", "/repeat", "/stream", "/upload", "/slow", "/socket", "/debug/requests", "/debug/requests.json", "/"} {
		if !paths[want] {
			t.Errorf("the printed commands lack %s:\n%s", want, printed)
		}
	}
}
