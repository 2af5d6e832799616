package main

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// underLoad is the example as a process of its own, and clients that ask for
// /async without a pause until it is gone.
type underLoad struct {
	url      string
	accepted atomic.Int64  // whole answers
	enough   chan struct{} // closed at the 300th
	stopping atomic.Bool   // from here on a client may be turned away
}

// load asks until it gets no answer.
func (l *underLoad) load(t *testing.T, c *http.Client) {
	for range 20_000 { // a bound, not a number that is reached
		res, err := c.Get(l.url + "/async")
		var body []byte
		if err == nil {
			body, err = io.ReadAll(res.Body)
			res.Body.Close()
		}
		if err != nil {
			if !l.stopping.Load() {
				t.Errorf("GET /async = %v before the signal, want an answer", err)
			}
			return
		}
		if res.StatusCode != http.StatusOK || string(body) != "got the task!\n" {
			t.Errorf("GET /async = %d %q, want 200 %q", res.StatusCode, body, "got the task!\n")
			return
		}
		if l.accepted.Add(1) == 300 {
			close(l.enough)
		}
	}
	t.Error("the example answers and answers, want it gone after the signal")
}

// TestMain_TerminatedUnderLoad sends a real process the signal of Kubernetes.
// Whoever has had an answer has had the work as well.
func TestMain_TerminatedUnderLoad(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be sent SIGTERM here")
	}
	stdout, stderr := newOutput(), newOutput()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-json", "-addr", "127.0.0.1:0", "-work", "2s", "-lag", "100ms", "-grace", "10s")
	cmd.Env = append(os.Environ(), asProcess+"=1")
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l := &underLoad{enough: make(chan struct{})}
	l.url = strings.TrimPrefix(stdout.wait(t, `Listening on http://[^ ]+`), "Listening on ")

	var clients sync.WaitGroup
	for i := range 4 {
		c := client(t, i%2 == 0)
		clients.Go(func() { l.load(t, c) })
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		clients.Wait()
	}()
	select {
	case <-l.enough:
	case <-over: // they have said why
	}
	l.stopping.Store(true)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	<-over
	if err != nil {
		t.Errorf("the example ended with %v, want exit status 0", err)
	}
	l.check(t, stderr.String())
}

// check holds the log against what the clients got.
func (l *underLoad) check(t *testing.T, log string) {
	t.Helper()
	accepted := int(l.accepted.Load())
	answered, done := strings.Count(log, `"message":"async: answered, working on"`), strings.Count(log, `"message":"async: done"`)
	if answered < accepted || done != answered {
		t.Errorf("%d answers at the clients, %d tasks begun, %d done; want each done", accepted, answered, done)
	}
	for _, bad := range []string{"async: stopped", "gave up", "panic"} {
		if i := strings.Index(log, bad); i >= 0 {
			t.Errorf("the log has %q, want it not:\n%.500s", bad, log[max(0, i-200):])
		}
	}
	const waits = `"detached":(\d+),"tasks":0,[^\n]*"message":"drain: waiting for requests and background work"`
	found := regexp.MustCompile(waits).FindStringSubmatch(log)
	if found == nil || !strings.Contains(log, `"message":"drain: over"`) {
		t.Fatalf("the log ends with\n%s\nwant the drain", log[max(0, len(log)-1000):])
	}
	if n, _ := strconv.Atoi(found[1]); n == 0 {
		t.Error("no task was at work when the port closed, want some: the load was too small to tell")
	}
	t.Logf("%d accepted, %s at work when the port closed", accepted, found[1])
}
