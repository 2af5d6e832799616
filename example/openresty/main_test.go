package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// output is what the program has logged.
type output struct {
	mu sync.Mutex
	bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.Buffer.Write(p)
}

// experiment runs body with a client of the program on each protocol. The log has no times
// in it, and is without the lines of requests: the messages of the experiments alone.
func experiment(t *testing.T, protocols []aborttest.Protocol, body func(*testing.T, *aborttest.Client, *output)) {
	if protocols == nil {
		protocols = []aborttest.Protocol{aborttest.HTTP1, aborttest.HTTP2}
	}
	for _, p := range protocols {
		t.Run(string(p), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := new(output)
				logger := slog.New(slog.NewTextHandler(out, nil))
				life := middleware.New(middleware.Options{})
				o := aborttest.Options{Protocols: []aborttest.Protocol{p}, Lifecycle: life}
				body(t, aborttest.Start(t, o, routes(life, logger)), out)
			})
		})
	}
}

// messages is the log without time and level.
func (o *output) messages() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return regexp.MustCompile(`(?m)^time=\S+ level=\S+ msg=`).ReplaceAllString(o.Buffer.String(), "")
}

// wants fails the test unless the log says want, line by line.
func (o *output) wants(t *testing.T, want ...string) {
	t.Helper()
	got := o.messages()
	if w := strings.Join(want, "\n"); strings.TrimSpace(got) != w {
		t.Errorf("the log says\n%swant\n%s", got, w)
	}
}

// A callback that does nothing leaves the handler alone, as in the original; an exit in it
// ends the request.
func TestOpenResty_Abort(t *testing.T) {
	for path, want := range map[string]struct {
		status int
		ends   time.Duration
		log    string
	}{
		"/test_http": {200, 100 * time.Second, "abort"},
		"/cleanup":   {499, 2 * time.Second, `"cleaned up"`},
	} {
		experiment(t, nil, func(t *testing.T, c *aborttest.Client, out *output) {
			call := c.Get(path)
			time.Sleep(2 * time.Second)
			call.Leave(aborttest.Close)
			o := call.Outcome()
			if o.Abort == nil || o.Abort.After != 2*time.Second || o.Status != want.status || o.Duration != want.ends || o.Sent != 0 {
				t.Errorf("%s: Outcome = %+v, want an abort after 2s, %d recorded at %v, and nothing sent", path, o, want.status, want.ends)
			}
			out.wants(t, want.log)
		})
	}
}

func TestOpenResty_WebSocket(t *testing.T) {
	experiment(t, []aborttest.Protocol{aborttest.HTTP1}, func(t *testing.T, c *aborttest.Client, out *output) {
		conn := c.Dial()
		_, _ = io.WriteString(conn, "GET /test_websocket HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\n"+
			"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
		head := make([]byte, 1000)
		n, err := conn.Read(head)
		if want := "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"; err != nil || !strings.Contains(string(head[:n]), want) {
			t.Errorf("the client reads %q, %v, want %q in it", head[:n], err, want)
		}
		_, _ = io.WriteString(conn, "\x81\x84abcdtest")
		time.Sleep(time.Second)
		_ = conn.Close()
		synctest.Wait()
		lines := strings.Split(strings.TrimSpace(out.messages()), "\n")
		slices.Sort(lines) // the callback and the handler are two goroutines
		if want := []string{"abort", `websocket err="EOF (lastbyte: client left after 1s: closed)"`}; !slices.Equal(lines, want) {
			t.Errorf("the log says %q, want %q", lines, want)
		}
	})
}

func TestOpenResty_Exit(t *testing.T) {
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/test":                 {410, "This is our own content\n"},
		"/501":                  {501, "501 Not Implemented\n"},
		"/private?user=bob":     {200, "hello, bob\n"},
		"/private?user=mallory": {403, "403 Forbidden\n"},
	} {
		experiment(t, nil, func(t *testing.T, c *aborttest.Client, _ *output) {
			if r := c.Get(path).Response(); r.Status != want.status || r.Body != want.body || r.Err != nil {
				t.Errorf("GET %s = %d %q, %v, want %d %q", path, r.Status, r.Body, r.Err, want.status, want.body)
			}
		})
	}
}

func TestOpenResty_Async(t *testing.T) {
	experiment(t, nil, func(t *testing.T, c *aborttest.Client, out *output) {
		start := time.Now()
		call := c.Get("/async")
		if r := call.Response(); r.Body != "got the task!\n" || r.Err != nil || time.Since(start) != 0 {
			t.Errorf("GET /async = %q, %v after %v, want the whole answer at once", r.Body, r.Err, time.Since(start))
		}
		call.Leave(aborttest.Close) // kills nothing
		if o := call.Done(); o.Worked != 3*time.Second || o.Status != http.StatusOK || o.Abort != nil {
			t.Errorf("Outcome = %+v, want a 200, and 3s of work", o)
		}
		out.wants(t, `"the task is done"`)
	})
}

func TestOpenResty_Timer(t *testing.T) {
	experiment(t, nil, func(t *testing.T, c *aborttest.Client, out *output) {
		call := c.Get("/timer")
		call.Response()
		out.wants(t)
		call.Done()
		out.wants(t, "timer premature=false")
	})
}

// What the guides show of the program is the program.
func TestOpenResty_Excerpts(t *testing.T) {
	program, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"from-openresty.md", "from-openresty.zh-CN.md"} {
		guide, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		blocks := regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllSubmatch(guide, -1)
		if len(blocks) == 0 {
			t.Errorf("%s shows nothing of the program", name)
		}
		for _, b := range blocks {
			if !bytes.Contains(program, b[1]) {
				t.Errorf("%s shows what is not in main.go:\n%s", name, b[1])
			}
		}
	}
}
