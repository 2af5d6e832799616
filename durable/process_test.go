//go:build unix

package durable_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a child that runs.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	said *bufio.Reader
	log  *strings.Builder // read it after the end alone
	gone sync.Once
}

// newChild starts a child on the database at url, and returns when it serves.
func newChild(t *testing.T, url string, env ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // the longest that a test waits for one
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), append(env, childEnv+"="+url)...)
	p := &process{t: t, cmd: cmd, log: &strings.Builder{}}
	cmd.Stderr = p.log
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("a child: %v", err)
	}
	t.Cleanup(p.kill)
	p.said = bufio.NewReader(out)
	if p.url = strings.TrimSpace(p.line()); p.url == "" {
		p.kill()
		t.Fatalf("the child does not serve: %s", p.log)
	}
	return p
}

// line is the next line that the child says, "" if it has ended.
func (p *process) line() string {
	line, _ := p.said.ReadString('\n')
	return line
}

func (p *process) kill() { p.end(syscall.SIGKILL) }

func (p *process) end(s os.Signal) (err error) {
	p.gone.Do(func() {
		_ = p.cmd.Process.Signal(s)
		_, _ = io.Copy(io.Discard, p.said)
		err = p.cmd.Wait()
	})
	return err
}

// get reads what the child answers.
func (p *process) get(path string) string {
	p.t.Helper()
	res, err := http.Get(p.url + path)
	if err != nil {
		p.t.Fatalf("GET %s: %v", path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		p.t.Fatalf("GET %s = %d %q, %v", path, res.StatusCode, text, err)
	}
	return strings.TrimSpace(string(text))
}

// drained waits until no task is left, and gives how often each ran.
func (p *process) drained(limit time.Duration) map[int]int {
	p.t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) { // of another process
		left := p.get("/left")
		if left == "0" {
			break
		}
		if time.Now().After(end) {
			p.t.Fatalf("after %s %s tasks are not done", limit, left)
		}
	}
	all := map[int]int{}
	if err := json.Unmarshal([]byte(p.get("/runs")), &all); err != nil {
		p.t.Fatal(err)
	}
	return all
}
