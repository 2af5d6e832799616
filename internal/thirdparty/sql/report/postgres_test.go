//go:build unix

package main

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// started is the server of all tests, which TestMain stops.
var started struct {
	cmd *exec.Cmd
	dir string
}

func TestMain(m *testing.M) {
	code := m.Run()
	if started.cmd != nil {
		_ = started.cmd.Process.Signal(syscall.SIGINT) // a fast shutdown
		_ = started.cmd.Wait()
	}
	if started.dir != "" {
		_ = os.RemoveAll(started.dir)
	}
	os.Exit(code)
}

var server = sync.OnceValues(startPostgres)

// startPostgres starts a PostgreSQL server with a directory and a socket of its own, or says
// why there is none.
func startPostgres() (url string, err error) {
	program, err := exec.LookPath("postgres")
	if err != nil {
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // Debian's
		if len(found) == 0 {
			return "", errors.New("PostgreSQL is not installed")
		}
		program = found[len(found)-1]
	}
	dir, err := os.MkdirTemp("/tmp", "pg") // a socket's name may have about a hundred bytes
	if err != nil {
		return "", err
	}
	started.dir = dir
	as, err := anotherUser(dir)
	if err != nil {
		return "", fmt.Errorf("PostgreSQL refuses to be root's: %w", err)
	}
	run := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(filepath.Dir(program), name), args...)
		cmd.Dir, cmd.SysProcAttr = dir, as
		return cmd
	}
	if out, err := run("initdb", "-D", dir+"/data", "-A", "trust", "-U", "postgres", "-N", "--no-locale", "-E", "UTF8").CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w: %s", err, out)
	}
	cmd := run("postgres", "-D", dir+"/data", "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off")
	log, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return "", err
	}
	started.cmd = cmd
	lines := bufio.NewReader(log)
	for line := ""; !strings.Contains(line, "ready to accept connections"); {
		if line, err = lines.ReadString('\n'); err != nil {
			return "", fmt.Errorf("postgres: %w", err)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }() // until the server ends
	return "postgres://postgres@/postgres?host=" + dir, nil
}

// anotherUser gives dir to a user that is not root.
func anotherUser(dir string) (*syscall.SysProcAttr, error) {
	as := &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() != 0 {
		return as, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, uerr := strconv.Atoi(u.Uid)
	gid, gerr := strconv.Atoi(u.Gid)
	as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return as, errors.Join(uerr, gerr, os.Chown(dir, uid, gid))
}

func init() {
	databases["PostgreSQL"] = database{
		driver: "pgx",
		url: func(t *testing.T) string {
			url, err := server()
			if err != nil {
				t.Skip(err)
			}
			return url
		},
		long: "SELECT count(*) FROM (SELECT pg_sleep(600)) AS s",
		begun: func(t *testing.T, url string) {
			db, err := sql.Open("pgx", url)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for n := 0; n == 0; {
				if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND state = 'active' AND pid <> pg_backend_pid()").Scan(&n); err != nil {
					t.Error(fmt.Errorf("the query does not begin: %w", err))
					return
				}
				<-tick.C
			}
		},
	}
}
