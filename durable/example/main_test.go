package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The program is killed while a task counts, and started again: it says how many tasks it
// has given back, and does the task.
func TestD5_Example(t *testing.T) {
	program := filepath.Join(t.TempDir(), "example")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	db := "file:" + filepath.Join(t.TempDir(), "tasks.db")
	addr := free(t)
	one := start(t, program, addr, db)
	one.await("the board:")
	res, err := http.Post("http://"+addr+"/durable", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	res.Body.Close()
	if string(text) != "got the task!\n" || err != nil {
		t.Fatalf("POST = %q, %v", text, err)
	}
	one.await("attempt 1: 1 of 2")
	_ = one.cmd.Process.Kill()
	_ = one.cmd.Wait()
	two := start(t, program, addr, db)
	two.await("gave back jobs of a process that has died jobs=1")
	two.await("attempt 2: 2 of 2")
	two.await("is done")
	two.await("INFO job kind=count job_id=1 queue=default request_id=")
	if err := two.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, two.said); err != nil {
		t.Error(err)
	}
	if err := two.cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C the program ends with %v", err)
	}
}

func free(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// process is the program, and what it says.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	said *bufio.Reader
}

func start(t *testing.T, program, addr, db string) *process {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // kills a program that does not say what is awaited
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program, "-addr", addr, "-db", db, "-count", "2")
	r, w, err := os.Pipe()
	if err == nil {
		cmd.Stdout, cmd.Stderr = w, w
		err = cmd.Start()
		w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		r.Close()
	})
	return &process{t, cmd, bufio.NewReader(r)}
}

// await reads on until a line has text in it.
func (p *process) await(text string) {
	p.t.Helper()
	var said strings.Builder
	for {
		line, err := p.said.ReadString('\n')
		said.WriteString(line)
		if strings.Contains(line, text) {
			return
		}
		if err != nil {
			p.t.Fatalf("the program ended without %q: %s", text, said.String())
		}
	}
}
