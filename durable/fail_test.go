//go:build unix

package durable_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/durable"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// disk is a directory on a file system of its own, of so many bytes.
func disk(t *testing.T, bytes int) string {
	t.Helper()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("a disk of its own needs root, on Linux")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d", bytes), "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("a disk of its own: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir
}

// status is what a request comes to that stores a task.
func status(t *testing.T, e *durable.Engine) int {
	t.Helper()
	c := aborttest.Server(t, storing(e, func(context.Context) error { return nil }))
	return c.Post("/", "", nil).Response().Status
}

// With a full disk no task is taken, none that was taken is lost, and with room again all
// goes on.
func TestD7_DiskFull(t *testing.T) {
	dir := disk(t, 4<<20)
	noneLeft(t)
	ran := make(chan int, 100)
	c := config(&records{}, func(_ context.Context, job *river.Job[task]) error { ran <- job.Args.N; return nil })
	e := open(t, "file:"+filepath.Join(dir, "tasks.db"), c)
	stored := 0
	for range 3 {
		insert(t, e)
		stored++
	}
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	var err error
	for range 1000 { // what SQLite has of free pages is used up first
		if _, err = e.Insert(t.Context(), task{}, nil); err != nil {
			break
		}
		stored++
	}
	isError(t, "Insert", err, durable.Full)
	if got := status(t, e); got != http.StatusServiceUnavailable {
		t.Errorf("the status is %d, want 503", got)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range stored {
		testkit.Await(t, ran, "a task that was stored")
	}
}

// fill writes to a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 16; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

// A full disk at the start is as clear.
func TestD7_DiskFullAtOpen(t *testing.T) {
	dir := disk(t, 64<<10)
	noneLeft(t)
	fill(t, filepath.Join(dir, "ballast"))
	_, err := durable.Open(t.Context(), "file:"+filepath.Join(dir, "tasks.db"), config(&records{}, nothing))
	isError(t, "Open", err, durable.Full)
}

func TestD7_ReadOnly(t *testing.T) {
	noneLeft(t)
	dir := readOnly(t, func(string) {})
	_, err := durable.Open(t.Context(), "file:"+filepath.Join(dir, "tasks.db"), config(&records{}, nothing))
	isError(t, "Open in a directory that may only be read", err, durable.ReadOnly)
}

// A file that may only be read has its lock beside it, and so is found out at once.
func TestD7_ReadOnlyFile(t *testing.T) {
	noneLeft(t)
	dir := readOnly(t, func(dir string) {
		e, err := durable.Open(t.Context(), "file:"+filepath.Join(dir, "tasks.db"), config(&records{}, nothing))
		if err != nil {
			t.Fatal(err)
		}
		shutDown(t, e)
	})
	_, err := durable.Open(t.Context(), "file:"+filepath.Join(dir, "tasks.db"), config(&records{}, nothing))
	isError(t, "Open of a file that may only be read", err, durable.ReadOnly)
}

// readOnly is a directory that prepare fills, and that may only be read afterwards.
func readOnly(t *testing.T, prepare func(dir string)) string {
	t.Helper()
	if os.Getuid() != 0 {
		dir := t.TempDir()
		prepare(dir)
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(dir, 0o700) }) // so that it can be removed
		return dir
	}
	dir := disk(t, 4<<20) // root may write where the mode says otherwise
	prepare(dir)
	if out, err := exec.Command("mount", "-o", "remount,ro", dir).CombinedOutput(); err != nil {
		t.Skipf("a disk that may only be read: %v: %s", err, out)
	}
	return dir
}

// PostgreSQL is gone for ten seconds, while tasks run: requests are answered 503, and
// what was stored is done afterwards, by the same engine.
func TestD7_DatabaseGone(t *testing.T) {
	t.Parallel()
	s, err := newServer()
	if err != nil {
		t.Skipf("no PostgreSQL: %v", err)
	}
	defer s.stop()
	noneLeft(t)
	ran, hold := make(chan int, 100), make(chan struct{})
	e, err := durable.Open(t.Context(), s.database(t), config(&records{}, func(_ context.Context, job *river.Job[task]) error {
		<-hold
		ran <- job.Args.N
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer shutDown(t, e)
	for n := range 20 { // more than run at a time
		if _, err := e.Insert(t.Context(), task{n}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone := 10 * time.Second
	if testkit.Rounds(0, 1) == 0 {
		gone = time.Second
	}
	s.halt()
	for end := time.Now().Add(gone); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		begun := time.Now()
		if got := status(t, e); got != http.StatusServiceUnavailable {
			t.Errorf("the status is %d, want 503", got)
		}
		if took := time.Since(begun); took > 11*time.Second {
			t.Errorf("503 came after %v", took)
		}
	}
	if err := s.again(); err != nil {
		t.Fatal(err)
	}
	close(hold)
	left := map[int]bool{}
	for n := range 20 {
		left[n] = true
	}
	for len(left) > 0 {
		select {
		case n := <-ran:
			delete(left, n)
		case <-time.After(3 * time.Minute):
			t.Fatalf("%d tasks have not run: %v", len(left), left)
		}
	}
	for { // a connection of the pool may not yet know
		if _, err := e.Insert(t.Context(), task{}, nil); err == nil {
			break
		} else if asError(err) == nil {
			t.Fatalf("Insert = %v, want an *Error or nil", err)
		}
	}
}

// A server that answers nothing is as gone as one that is not there.
func TestD7_Silent(t *testing.T) {
	noneLeft(t)
	url, stop := silent(t)
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	begun := time.Now()
	_, err := durable.Open(ctx, url, config(&records{}, nothing))
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 5*time.Second {
		t.Errorf("Open = %v after %v, want the deadline of its context", err, time.Since(begun))
	}
	_, err = durable.Open(t.Context(), url+"&connect_timeout=1", config(&records{}, nothing))
	isError(t, "Open", err, durable.Unavailable)
}
