//go:build unix

package durable_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// server is a PostgreSQL server of the tests: its own directory, a Unix socket there and no
// port, fsync on.
type server struct {
	dir string
	cmd *exec.Cmd
	in  io.Closer     // closed: the server is to end
	log *bufio.Reader // of what the server says
}

// untilTold runs a command until its input ends, as it does when the tests are killed. A
// fast shutdown cuts all connections.
const untilTold = `"$@" & cat >/dev/null; kill -INT $!; wait $!`

// newServer starts a server that stop ends, or says why there is none.
func newServer() (*server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("/tmp", "pg") // a socket's name may have about a hundred bytes
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	run, err := ownUser(dir)
	if err == nil {
		var out []byte
		init := run(exec.Command(filepath.Join(bin, "initdb"), "-D", dir+"/data", "-A", "trust", "-U", "postgres", "-N", "--no-locale", "-E", "UTF8"))
		if out, err = init.CombinedOutput(); err != nil {
			err = fmt.Errorf("initdb: %w: %s", err, out)
		}
	}
	if err == nil {
		s.cmd = run(exec.Command("/bin/sh", "-c", untilTold, "sh", filepath.Join(bin, "postgres"), "-D", dir+"/data", "-k", dir, "-c", "listen_addresses=", "-c", "fsync=on", "-c", "max_connections=200"))
		err = s.start()
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return s, nil
}

// binaries is where the programs of the newest PostgreSQL are.
func binaries() (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path), nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // Debian's
	if len(found) == 0 {
		return "", errors.New("PostgreSQL is not installed")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

// ownUser gives dir to the user that the server is to have, and returns what makes a
// command that user's: PostgreSQL refuses to be root's.
func ownUser(dir string) (func(*exec.Cmd) *exec.Cmd, error) {
	as := &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the tests, which stop the server
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			if u, err = user.Lookup("nobody"); err != nil {
				return nil, err
			}
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			return nil, err
		}
		as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return func(cmd *exec.Cmd) *exec.Cmd {
		cmd.Dir, cmd.SysProcAttr = dir, as
		return cmd
	}, nil
}

// start starts cmd, and returns when the server accepts connections.
func (s *server) start() error {
	out, err := s.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.log = bufio.NewReader(out)
	var said strings.Builder
	for {
		line, err := s.log.ReadString('\n')
		said.WriteString(line)
		if strings.Contains(line, "ready to accept connections") {
			go io.Copy(io.Discard, s.log) // until stop
			return nil
		}
		if err != nil {
			_ = s.in.Close()
			return fmt.Errorf("postgres: %w: %s", errors.Join(err, s.cmd.Wait()), said.String())
		}
	}
}

// halt ends the server, and waits for that.
func (s *server) halt() {
	_ = s.in.Close()
	_ = s.cmd.Wait()
}

// again starts a server that was halted.
func (s *server) again() error {
	old := s.cmd
	s.cmd = exec.Command(old.Path, old.Args[1:]...)
	s.cmd.Dir, s.cmd.SysProcAttr = old.Dir, old.SysProcAttr
	return s.start()
}

func (s *server) stop() {
	s.halt()
	_ = os.RemoveAll(s.dir)
}

func (s *server) url(database string) string {
	return "postgres://postgres@/" + database + "?host=" + s.dir
}

// database makes an empty database, and gives its URL.
func (s *server) database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("t%d", databases.Add(1))
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := db.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		t.Fatalf("CREATE DATABASE: %v", err)
	}
	return s.url(name)
}

var databases atomic.Int64

// shared is the server that most tests have in common. TestMain stops it.
var shared = sync.OnceValues(func() (*server, error) {
	s, err := newServer()
	sharedServer.Store(s)
	return s, err
})

var sharedServer atomic.Pointer[server]

// postgres gives the URL of an empty database; where there is no PostgreSQL, the test is
// skipped.
func postgres(t *testing.T) string {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Skipf("no PostgreSQL: %v", err)
	}
	return s.database(t)
}

// silent gives the URL of what accepts connections and says nothing.
func silent(t *testing.T) (url string, stop func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return "postgres://postgres@" + ln.Addr().String() + "/tasks?sslmode=disable", func() { ln.Close() }
}
