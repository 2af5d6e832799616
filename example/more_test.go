package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
)

// The page, its parts and the board are there; nothing but the page's own files runs in it.
func TestPage(t *testing.T) {
	p := start(t)
	eachProtocol(t, func(t *testing.T, c *http.Client) {
		for path, want := range map[string]string{
			"/": "<iframe", "/page.js": "AbortController", "/page.css": "color-scheme", "/socket.js": "WebSocket",
			"/debug/requests?format=html": "<title>Requests", "/debug/requests.json": `"endings"`,
		} {
			res, body := get(t, c, p.url+path)
			if res.StatusCode != 200 || !strings.Contains(body, want) {
				t.Errorf("GET %s = %d %.80q, want %q in it", path, res.StatusCode, body, want)
			}
			if policy := res.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src '") || strings.Contains(policy, "unsafe") {
				t.Errorf("GET %s: policy %q, want a strict one", path, policy)
			}
		}
	})
}

// What is cut short by its client is in the log, with the reason.
func TestStream_ClientLeaves(t *testing.T) {
	p := start(t)
	eachProtocol(t, func(t *testing.T, c *http.Client) {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		req, err := http.NewRequestWithContext(ctx, "GET", p.url+"/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if line, err := bufio.NewReader(res.Body).ReadString('\n'); line != "line 1\n" {
			t.Errorf("the stream begins with %q, %v, want line 1", line, err)
		}
		leave()
		p.log.wait(t, `"path":"/stream".*"proto":"`+res.Proto+`".*"aborted":true`)
	})
}

func TestUpload_StoppedHalfway(t *testing.T) {
	p := start(t, "-step", "0s")
	eachProtocol(t, func(t *testing.T, c *http.Client) {
		res, err := c.Post(p.url+"/upload", "text/plain", strings.NewReader(strings.Repeat("x", 1<<20)))
		if err != nil {
			t.Fatal(err)
		}
		if body := read(t, res); body != "1048576 bytes have arrived\n" {
			t.Errorf("POST /upload = %q, want how much has arrived", body)
		}
		r, w := io.Pipe()
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		req, err := http.NewRequestWithContext(ctx, "POST", p.url+"/upload", r)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := c.Do(req)
			ended <- err
		}()
		if _, err := io.WriteString(w, strings.Repeat("x", 1<<20)); err != nil {
			t.Error(err)
		}
		leave()
		w.CloseWithError(context.Canceled) // the client waits for its read of the body
		if <-ended == nil {
			t.Error("POST /upload of a client that leaves = nil, want an error")
		}
		p.log.wait(t, `"path":"/upload".*"proto":"`+res.Proto+`".*"aborted":true.*"received":`)
	})
}

func TestSlow_Timeout(t *testing.T) {
	p := start(t, "-long", "1h", "-limit", "10ms")
	eachProtocol(t, func(t *testing.T, c *http.Client) {
		if res, body := get(t, c, p.url+"/slow"); res.StatusCode != 504 {
			t.Errorf("GET /slow = %d %q, want 504", res.StatusCode, body)
		}
	})
}

func TestSocket(t *testing.T) {
	p := start(t)
	req, err := http.NewRequestWithContext(t.Context(), "GET", p.url+"/socket", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "websocket")
	req.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==") // RFC 6455, section 1.3
	res, err := client(t, false).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Header.Get("Sec-WebSocket-Accept"); res.StatusCode != 101 || got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("GET /socket = %d, accept %q, want 101 and the one of the RFC", res.StatusCode, got)
	}
	frame := make([]byte, 8)
	if _, err := io.ReadFull(res.Body, frame); err != nil || string(frame) != "\x81\x06text 1" {
		t.Errorf("the first frame = %q, %v, want text 1", frame, err)
	}
	res.Body.Close()
	p.log.wait(t, `"path":"/socket".*"aborted":true.*"hijacked":true`)

	for _, h2 := range []bool{false, true} {
		if res, body := get(t, client(t, h2), p.url+"/socket"); res.StatusCode != 426 {
			t.Errorf("GET /socket without an upgrade = %d %q, want 426", res.StatusCode, body)
		}
	}
}

// A task that is repeated runs five times and no more.
func TestRepeat(t *testing.T) {
	p := start(t, "-work", "10ms", "-step", "0s")
	if res, body := get(t, client(t, false), p.url+"/repeat"); res.StatusCode != 200 {
		t.Fatalf("GET /repeat = %d %q, want 200", res.StatusCode, body)
	}
	p.log.wait(t, "repeat: that was the last")
}
