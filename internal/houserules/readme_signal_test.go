//go:build unix

package houserules_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runs is the first program of the README at work, in a process of its own.
type runs struct {
	*exec.Cmd
	log   bytes.Buffer // to be read after ended
	ended chan error
}

// run starts the program and gives it a task that takes work.
func run(t *testing.T, program, work string) *runs {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close() // the program takes the port
	p := &runs{Cmd: exec.CommandContext(t.Context(), program, addr, work), ended: make(chan error, 1)}
	p.Stdout, p.Stderr = &p.log, &p.log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.Wait() }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		res, err := http.Post("http://"+addr+"/tasks", "text/plain", strings.NewReader("x"))
		if err == nil {
			body, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if string(body) != "got the task!\n" || err != nil {
				t.Fatalf("POST /tasks = %q, %v, want got the task!", body, err)
			}
			return p
		}
		select {
		case <-tick.C: // it does not listen yet
		case err := <-p.ended:
			t.Fatalf("the program ended with %v, log\n%s", err, &p.log)
		}
	}
}

// SIGTERM after "got the task!" loses nothing, and a second signal ends the process at
// once.
func TestREADME_Signals(t *testing.T) {
	t.Parallel()
	dir, pkgs := programs(t, func(text string) string {
		if !strings.Contains(text, "got the task!") {
			return text // a guide's
		}
		for old, now := range map[string]string{
			`":8080"`:          "os.Args[1]",
			"10 * time.Second": "func() time.Duration { d, _ := time.ParseDuration(os.Args[2]); return d }()",
		} {
			if strings.Count(text, old) != 1 {
				t.Fatalf("the README's program has %d times %q, want once", strings.Count(text, old), old)
			}
			text = strings.Replace(text, old, now, 1)
		}
		return text
	})
	program := filepath.Join(t.TempDir(), "program")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, pkgs[0])
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}

	p := run(t, program, "200ms")
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-p.ended; err != nil {
		t.Errorf("after SIGTERM the program ended with %v, want exit status 0; log\n%s", err, &p.log)
	}
	if log := p.log.String(); !strings.Contains(log, `detached work ended`) || strings.Contains(log, "gave up") {
		t.Errorf("log\n%s\nwant the end of the task", log)
	}

	p = run(t, program, "1h")
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second) // before the grace of 27 seconds is over
	for {
		select {
		case err := <-p.ended:
			if status, ok := p.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
				t.Errorf("after several signals the program ended with %v, want by SIGTERM; log\n%s", err, &p.log)
			}
			return
		case <-tick.C: // the first begins the drain, and one of the next ends the process
			_ = p.Process.Signal(syscall.SIGTERM) // it may have ended
		case <-late:
			t.Fatalf("the program goes on after several signals")
		}
	}
}
