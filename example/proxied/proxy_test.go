package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// addresses are those of a proxy, for clients of HTTP/1.1 and of HTTP/2 without TLS.
type addresses struct{ http1, http2 string }

// serve serves until the end of the test, by both protocols.
func serve(t *testing.T, srv *http.Server) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv.Protocols = new(http.Protocols)
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		_ = srv.Close()
		_ = testkit.Await(t, served, "Serve") // http.ErrServerClosed
	})
	return ln.Addr().String()
}

// run starts a proxy, with a section of its configuration for each variant, and waits until
// it listens.
func run(t *testing.T, program string, args []string, before, section, after string, variants map[string]string) map[string]addresses {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed: %v", program, err)
	}
	all := map[string]addresses{}
	for name, option := range variants {
		a := addresses{free(t), free(t)}
		proto := ""
		if name == "h2" {
			proto = "proto h2"
		}
		before += strings.NewReplacer("NAME", name, "HTTP1", a.http1, "HTTP2", a.http2, "OPTION", option, "PROTO", proto).Replace(section)
		all[name] = a
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "proxy.conf")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(before+after, "DIR", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), path, append(args, file)...) // until the Cleanup
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for _, a := range all {
		for {
			if c, err := net.Dial("tcp", a.http1); err == nil {
				_ = c.Close()
				break
			}
			select {
			case <-tick.C:
			case <-t.Context().Done():
				t.Fatalf("%s does not listen", program)
			}
		}
	}
	return all
}

// free gives an address that a proxy may take.
func free(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	return ln.Addr().String()
}
