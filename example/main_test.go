package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

func TestRun_Refuses(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	taken := ln.Addr().String()
	tests := []struct {
		name string
		args []string
		want string // what the one line on stderr begins with
	}{
		{"unknown flag", []string{"-x"}, "example: flag provided but not defined: -x (-h"},
		{"bad value", []string{"-grace", "soon"}, `example: invalid value "soon" for flag -grace`},
		{"no time to drain", []string{"-grace", "1s", "-lag", "1s"}, "example: lag 1s and grace 1s, want a lag that ends before the grace (-h"},
		{"negative time", []string{"-lag", "-1s"}, "example: lag -1s and grace 10s, "},
		{"stray argument", []string{"8080"}, `example: unexpected argument "8080" (-h`},
		{"taken port", []string{"-addr", taken}, "example: listen tcp " + taken + ": "},
		{"no address", []string{"-addr", "nonsense"}, "example: listen tcp: address nonsense"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			status := run(t.Context(), tt.args, &stdout, &stderr)
			got := stderr.String()
			if status != 1 || stdout.Len() > 0 || !strings.HasPrefix(got, tt.want) || strings.Count(got, "\n") != 1 {
				t.Errorf("run(%q) = %d, stdout %q, stderr %q; want 1, nothing, one line %q...", tt.args, status, stdout.String(), got, tt.want)
			}
		})
	}
}

func TestRun_Help(t *testing.T) {
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), []string{"-h"}, &stdout, &stderr)
	if status != 0 || stderr.Len() > 0 || !strings.Contains(stdout.String(), "-addr address") {
		t.Errorf("run(-h) = %d, stdout %q, stderr %q; want 0, the flags, nothing", status, stdout.String(), stderr.String())
	}
}

// TestMain_Interrupt sends a real process the signal of Ctrl-C.
func TestMain_Interrupt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be sent an interrupt here")
	}
	stdout, stderr := newOutput(), newOutput()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-addr", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), asProcess+"=1")
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url := strings.TrimPrefix(stdout.wait(t, `Listening on http://127\.0\.0\.1:\d+`), "Listening on ")
	get(t, client(t, false), url+"/ready") // it serves: before that there is nothing to drain
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the example ended with %v, want exit status 0; log\n%s", err, stderr)
	}
	stderr.wait(t, `INF drain: over `)
}

func TestBaseURL(t *testing.T) {
	for addr, want := range map[string]string{
		"0.0.0.0:80":     "http://localhost:80",
		"[::]:8080":      "http://localhost:8080",
		"127.0.0.1:8080": "http://127.0.0.1:8080",
		"[::1]:8080":     "http://[::1]:8080",
	} {
		a, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := baseURL(a); got != want {
			t.Errorf("baseURL(%s) = %q, want %q", addr, got, want)
		}
	}
}
