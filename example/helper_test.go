package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait for another goroutine or process.
const patience = 20 * time.Second

// asProcess is the environment variable that makes the test binary the example.
const asProcess = "LASTBYTE_EXAMPLE"

func TestMain(m *testing.M) {
	if os.Getenv(asProcess) != "" {
		main()
	}
	os.Exit(m.Run())
}

// output keeps what was written and tells of each write.
type output struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	more chan struct{} // closed by the next write
}

func newOutput() *output { return &output{more: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.more)
	o.more = make(chan struct{})
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// wait returns the first match of pattern, once there is one.
func (o *output) wait(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	late := time.After(patience)
	for {
		o.mu.Lock()
		found, more := re.FindString(o.buf.String()), o.more
		o.mu.Unlock()
		if found != "" {
			return found
		}
		select {
		case <-more:
		case <-late:
			t.Fatalf("waited for %q, got\n%s", pattern, o)
		}
	}
}

// program is the example at work, in this process.
type program struct {
	url         string
	stdout, log *output
	stop        context.CancelFunc // as Ctrl-C does
	status      <-chan int
}

// start runs the example on a port of the system's choice.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	status := make(chan int, 1)
	p := &program{stdout: newOutput(), log: newOutput(), stop: stop, status: status}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		status <- run(ctx, append([]string{"-json", "-addr", "127.0.0.1:0", "-grace", "20s"}, args...), p.stdout, p.log)
	}()
	t.Cleanup(func() {
		stop()
		select {
		case <-ended:
		case <-time.After(patience + 10*time.Second):
			t.Errorf("run() goes on after its context has ended; log:\n%s", p.log)
		}
	})
	p.url = strings.TrimPrefix(p.stdout.wait(t, `Listening on http://[^ ]+`), "Listening on ")
	return p
}

// client speaks HTTP/2 alone, or HTTP/1 alone.
func client(t *testing.T, h2 bool) *http.Client {
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(h2)
	tr.Protocols.SetHTTP1(!h2)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

// eachProtocol runs body with a client of HTTP/1 and with one of HTTP/2.
func eachProtocol(t *testing.T, body func(t *testing.T, c *http.Client)) {
	for _, name := range []string{"h1", "h2"} {
		t.Run(name, func(t *testing.T) { body(t, client(t, name == "h2")) })
	}
}

// get gives status, header and body of the answer.
func get(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	res, err := c.Get(url)
	if err != nil {
		t.Fatalf("GET %s = %v, want an answer", url, err)
	}
	return res, read(t, res)
}

func read(t *testing.T, res *http.Response) string {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("reading the answer to %s = %v", res.Request.URL, err)
	}
	return string(body)
}
