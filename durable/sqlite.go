package durable

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/riverqueue/river/riverdriver/riversqlite"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// openSQLite opens the file of u, and locks it.
func openSQLite(ctx context.Context, u *url.URL) (*base, error) {
	path, err := pathOf(u)
	if err != nil {
		return nil, &Error{"open", BadURL, err}
	}
	unlock, err := lockFile(ctx, path)
	if err != nil {
		return nil, err
	}
	// The user's parameters come last, so theirs count. Every transaction may write: one
	// that begins as a reader and then writes is refused if another has written meanwhile.
	dsn := sqliteDSN(path, "_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)&_pragma=synchronous(full)")
	if u.RawQuery != "" {
		dsn += "&" + u.RawQuery
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		unlock()
		return nil, &Error{"open", BadURL, err}
	}
	// One connection, as River advises: whoever has to wait is served in order, by
	// database/sql, and not at the chance of SQLite's busy handler.
	db.SetMaxOpenConns(1)
	shut := func() {
		_ = db.Close() // whatever it says, commits are on the disk
		unlock()
	}
	if err := db.PingContext(ctx); err != nil {
		shut()
		return nil, openFault(ctx, path, err)
	}
	nobody := func(context.Context) (func(), error) { return func() {}, nil }
	return &base{driver: riversqlite.New(db), db: db, lock: nobody, own: true, close: shut}, nil
}

// pathOf is the path of a file: URL.
func pathOf(u *url.URL) (string, error) {
	path := u.Path
	if u.Opaque != "" {
		var err error
		if path, err = url.PathUnescape(u.Opaque); err != nil {
			return "", err
		}
	}
	switch q, err := url.ParseQuery(u.RawQuery); {
	case err != nil:
		return "", err
	case u.Host != "" && u.Host != "localhost":
		return "", fmt.Errorf("a file on the host %q; a path that is not absolute is file:tasks.db", u.Host)
	case path == "" || strings.HasSuffix(path, "/") || strings.ContainsRune(path, 0): // SQLite reads up to the 0
		return "", errors.New("it names no file")
	case path == ":memory:" || q.Get("mode") == "memory" || q.Get("vfs") == "memdb":
		return "", errors.New("a database in memory survives nothing")
	}
	return realPath(path), nil
}

// realPath is the absolute path of the file that path leads to by symbolic links. The file
// may not exist yet: its lock has to be where others look for it later. What is wrong with
// path, the next who opens it says.
func realPath(path string) string {
	if wd, err := os.Getwd(); err == nil && !filepath.IsAbs(path) { // the process may go elsewhere
		path = wd + "/" + path // not filepath.Join: ".." is that of the directory that a link leads to
	}
	for range 40 { // as many links as Linux follows
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return real
		}
		slash := strings.LastIndexByte(path, '/') + 1
		dir, err := filepath.EvalSymlinks(path[:slash])
		if err != nil {
			return path
		}
		path = filepath.Join(dir, path[slash:])
		to, err := os.Readlink(path)
		if err != nil {
			return path
		}
		if path = to; !filepath.IsAbs(to) {
			path = dir + "/" + to
		}
	}
	return path
}

func sqliteDSN(path, query string) string {
	return "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() + "?" + query
}

// lockFile locks the file at path for this process, until it ends. The lock is one of
// SQLite's on an empty database beside it, so that it is held the same way on every system
// that SQLite runs on, and whoever wants to look into the file itself can.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	db, err := sql.Open("sqlite", sqliteDSN(path+".lock", "_pragma=journal_mode(memory)"))
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err == nil {
		if _, err = conn.ExecContext(ctx, "BEGIN EXCLUSIVE"); err != nil {
			_ = conn.Close()
		}
	}
	if err != nil {
		_ = db.Close()
		return nil, openFault(ctx, path, err)
	}
	return func() {
		_ = conn.Close()
		_ = db.Close()
	}, nil
}

// openFault is err of opening the file at path or its lock, with what SQLite does not say.
func openFault(ctx context.Context, path string, err error) error {
	switch reasonOf(err) {
	case "":
		if ctx.Err() == nil { // what is behind the question mark, then
			return &Error{"open", BadURL, err}
		}
	case Locked:
		return &Error{"open", Locked, fmt.Errorf("%s is in use by another process, or open in this one: %w", path, err)}
	case Unavailable: // which may be any reason for which a file is not to be opened
		f, why := os.CreateTemp(filepath.Dir(path), "tasks")
		if why == nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
			return err
		}
		reason := Unavailable
		if errors.Is(why, fs.ErrPermission) || errors.Is(why, syscall.EROFS) {
			reason = ReadOnly
		}
		return &Error{"open", reason, why}
	}
	return err
}
