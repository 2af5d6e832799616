//go:build unix

package durable_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/riverqueue/river"

	"github.com/lastbyte-go/lastbyte/durable"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

func TestD1_WorksOnJobs(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		noneLeft(t)
		ran := make(chan int, 10)
		e := begin(t, url, config(&records{}, func(_ context.Context, job *river.Job[task]) error {
			ran <- job.Args.N
			return nil
		}))
		for i := range 3 {
			if _, err := e.Insert(t.Context(), task{i}, nil); err != nil {
				t.Fatalf("Insert: %v", err)
			}
		}
		sum := 0
		for range 3 {
			sum += testkit.Await(t, ran, "a task")
		}
		if sum != 0+1+2 {
			t.Errorf("the tasks that ran sum up to %d, want 3", sum)
		}
	})
}

func TestD1_Settings(t *testing.T) {
	e := open(t, file(t), config(&records{}, nothing))
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "busy_timeout": "5000"} {
		var got string
		if err := e.DB.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("PRAGMA %s = %q, %v, want %q", pragma, got, err, want)
		}
	}
}

// A URL may have spaces and other characters that mean something in one, and be a
// symbolic link, by which nobody gets around the lock.
func TestD2_FileOfOneProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b%20?#")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "tasks.db")
	escaped := strings.NewReplacer("%", "%25", " ", "%20", "?", "%3F", "#", "%23").Replace(path)
	e := open(t, "file:"+escaped, config(&records{}, nothing))
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file: %v", err)
	}
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"file:" + escaped, "file://" + escaped, "file:" + link} {
		_, err := durable.Open(t.Context(), url, config(&records{}, nothing))
		isError(t, "a second Open", err, durable.Locked)
		if err != nil && !strings.Contains(err.Error(), "in use by another process") {
			t.Errorf("a second Open = %v, want what is the matter", err)
		}
	}
	shutDown(t, e)
	again, err := durable.Open(t.Context(), "file:"+link, config(&records{}, nothing))
	if err != nil {
		t.Fatalf("Open after Shutdown: %v", err)
	}
	shutDown(t, again)
}

// A link may lead to a file that does not exist yet. It is the file whose lock counts.
func TestD2_LinkToNoFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, err := range []error{
		os.MkdirAll("data/sub", 0o700), os.Symlink("data/sub", "sub"),
		os.Symlink("../tasks.db", "data/sub/first.db"), os.Symlink("sub/first.db", "second.db"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	e := open(t, "file:second.db", config(&records{}, nothing))
	insert(t, e)
	for _, path := range []string{"second.db", "sub/first.db", "sub/../tasks.db", filepath.Join(dir, "data", "tasks.db")} {
		again, err := durable.Open(t.Context(), "file:"+path, config(&records{}, nothing))
		if isError(t, "a second Open, of "+path, err, durable.Locked); err == nil {
			shutDown(t, again)
		}
	}
}

// A process may change its directory, and database/sql connects again whenever it likes.
func TestD2_OtherDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	e := open(t, "file:tasks.db", config(&records{}, nothing))
	t.Chdir(t.TempDir())
	e.DB.SetMaxIdleConns(-1) // closes the connection
	insert(t, e)
	if found, err := filepath.Glob("*"); err != nil || len(found) > 0 {
		t.Errorf("the new directory has %q, %v, want nothing", found, err)
	}
}

func TestD2_OtherProcess(t *testing.T) {
	url := file(t)
	c := newChild(t, url)
	_, err := durable.Open(t.Context(), url, config(&records{}, nothing))
	isError(t, "Open", err, durable.Locked)
	c.kill()
	e, err := durable.Open(t.Context(), url, config(&records{}, nothing))
	if err != nil {
		t.Fatalf("Open, after the other process was killed: %v", err)
	}
	shutDown(t, e)
}

func TestD7_URLs(t *testing.T) {
	noneLeft(t)
	for _, tc := range []struct {
		url  string
		want durable.Reason
	}{
		{"", durable.BadURL},
		{"tasks.db", durable.BadURL},
		{"mysql://localhost/tasks", durable.BadURL},
		{"file:", durable.BadURL},
		{"file:///", durable.BadURL},
		{"file:" + t.TempDir() + "/", durable.BadURL},
		{"file://tasks.db", durable.BadURL},
		{"file::memory:", durable.BadURL},
		{"file:tasks.db?mode=memory", durable.BadURL},
		{"file:%zz", durable.BadURL},
		{"file:%00", durable.BadURL}, // no file: SQLite would open one without a name
		{"file:" + filepath.Join(t.TempDir(), "x.db?vfs=nonsense"), durable.BadURL},
		{"file:" + filepath.Join(t.TempDir(), "x.db?_time_format=nonsense"), durable.BadURL},
		{"postgres://u:secret@[::1/", durable.BadURL},
		{"postgres://u:secret@localhost:port/", durable.BadURL},
		{"postgres://u:secret@localhost/?sslmode=perhaps", durable.BadURL},
		{"file:" + filepath.Join(t.TempDir(), "not", "there.db"), durable.Unavailable},
		{"file:" + t.TempDir(), durable.Unavailable},
		{"postgres://u:secret@/tasks?host=" + t.TempDir(), durable.Unavailable},
		{"postgres://u:secret@127.0.0.1:1/tasks", durable.Unavailable},
	} {
		_, err := durable.Open(t.Context(), tc.url, config(&records{}, nothing))
		isError(t, fmt.Sprintf("Open(%q)", tc.url), err, tc.want)
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("Open(%q) = %v, with the password", tc.url, err)
		}
	}
}

func TestD7_Newer(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		noneLeft(t)
		e, err := durable.Open(t.Context(), url, config(&records{}, nothing))
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.DB.ExecContext(t.Context(), "INSERT INTO river_migration (line, version) VALUES ('main', 1000)")
		if shutDown(t, e); err != nil {
			t.Fatal(err)
		}
		_, err = durable.Open(t.Context(), url, config(&records{}, nothing))
		isError(t, "Open", err, durable.Newer)
	})
}

// A user who may make no tables, and a schema that is not there, are faults of Open, whose
// statements are not the program's.
func TestD7_NoTables(t *testing.T) {
	url := postgres(t)
	noneLeft(t)
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE ROLE reader LOGIN; REVOKE CREATE ON SCHEMA public FROM public"); err != nil {
		t.Fatal(err)
	}
	_, err = durable.Open(t.Context(), strings.Replace(url, "postgres@", "reader@", 1), config(&records{}, nothing))
	isError(t, "Open by a user who may make no tables", err, durable.Unavailable)
	c := config(&records{}, nothing)
	c.Schema = "missing"
	_, err = durable.Open(t.Context(), url, c)
	isError(t, "Open with a schema that is not there", err, durable.Unavailable)
}

// What River does not accept, and a context that has ended, are no faults of the database.
func TestD7_NotTheDatabase(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		noneLeft(t)
		if e, err := durable.Open(t.Context(), url, river.Config{MaxAttempts: -1}); err == nil || e != nil || asError(err) != nil {
			t.Errorf("Open with MaxAttempts -1 = %v, %v, want River's error", e, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if e, err := durable.Open(ctx, url, config(&records{}, nothing)); !errors.Is(err, context.Canceled) || e != nil {
			t.Errorf("Open with a context that has ended = %v, %v, want context.Canceled", e, err)
		}
	})
}

// A process that only stores jobs has no Queues. Nothing has to be stopped then, but the
// file is closed.
func TestD1_InsertOnly(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		noneLeft(t)
		e := open(t, url, river.Config{})
		if _, err := e.Insert(t.Context(), task{}, nil); err != nil {
			t.Errorf("Insert: %v", err)
		}
		if n := count(t, e, "available"); n != 1 {
			t.Errorf("%d jobs, want 1", n)
		}
		if err := e.Start(t.Context()); err == nil {
			t.Error("Start = nil, want an error: there are no Queues")
		}
	})
}

func isError(t *testing.T, what string, err error, want durable.Reason) {
	t.Helper()
	if e := asError(err); e == nil || e.Reason != want {
		t.Errorf("%s = %v, want an *Error with %s", what, err, want)
	}
	if code, _ := exitcode.Of(err); code != http.StatusServiceUnavailable {
		t.Errorf("%s has the code %d, want 503", what, code)
	}
}

func asError(err error) *durable.Error {
	e, _ := errors.AsType[*durable.Error](err)
	return e
}
