package durable

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/lastbyte-go/lastbyte/exitcode"
)

// Error says that the engine cannot do its work now, or cannot be opened. exitcode.Of
// gives 503 for it, so a handler for exitcode.Handler may return it; the log has all of
// it, and the client none. Where what was to be stored is not known to be on the disk,
// there is an Error, or that of the context.
type Error struct {
	Op     string // what was tried: "open", "begin", "insert", "commit" and so on
	Reason Reason
	Err    error // what the database or the system said
}

// Reason is why the engine cannot do its work.
type Reason string

// The reasons of an Error.
const (
	BadURL      Reason = "bad_url"     // the url of Open is none that it knows
	Locked      Reason = "locked"      // another process has the file
	Newer       Reason = "newer"       // the tables are those of a newer version of River
	Full        Reason = "full"        // the disk is full
	ReadOnly    Reason = "read_only"   // the file, its directory or the server may not be written to
	Unavailable Reason = "unavailable" // there is no database, or it does not answer in time
)

func (e *Error) Error() string { return fmt.Sprintf("durable: %s: %s: %v", e.Op, e.Reason, e.Err) }

// Unwrap gives Err, and the code 503.
func (e *Error) Unwrap() []error { return []error{e.Err, unavailable} }

var unavailable = exitcode.Code(http.StatusServiceUnavailable).Err()

// errTooLong is the cause of a context that has ended at the engine's own limit.
var errTooLong = errors.New("it took too long")

// fault makes an error of op an Error, if the database is to blame. Else it is err: that
// of a statement, of the user, or of a context of the user's that has ended.
func fault(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := exitcode.Of(err); ok {
		return err // it is an Error, or one that the user has given a code
	}
	if errors.Is(context.Cause(ctx), errTooLong) {
		return &Error{op, Unavailable, fmt.Errorf("%w: %w", errTooLong, err)}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("durable: %s: %w: %w", op, context.Cause(ctx), err)
	}
	reason := reasonOf(err)
	if reason == "" && lost(err) {
		reason = Unavailable
	}
	if reason != "" {
		return &Error{op, reason, err}
	}
	return err
}

// asked reports whether err is what the database has said of a statement, and no Error.
func asked(err error) bool {
	_, known := errors.AsType[*Error](err)
	_, file := errors.AsType[*sqlite.Error](err)
	_, server := errors.AsType[*pgconn.PgError](err)
	return !known && (file || server)
}

// reasonOf is why the database is to blame for err, "" if that is not to be seen in it.
func reasonOf(err error) Reason {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return ofSQLite(e.Code())
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return ofPostgres(e.Code)
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok || pgconn.SafeToRetry(err) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		strings.Contains(err.Error(), "sql: database is closed") { // database/sql has no name for it
		return Unavailable
	}
	return ""
}

// lost reports whether err is that of a connection: to the database, unless somebody else
// has one, too.
func lost(err error) bool {
	for _, gone := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, context.DeadlineExceeded} {
		if errors.Is(err, gone) {
			return true
		}
	}
	_, ok := errors.AsType[net.Error](err)
	return ok
}

// ofSQLite is the reason of a result code, whose low byte is the primary one, see
// https://www.sqlite.org/rescode.html.
func ofSQLite(code int) Reason {
	switch code & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return Locked
	case sqlite3.SQLITE_FULL:
		return Full
	case sqlite3.SQLITE_READONLY:
		return ReadOnly
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB,
		sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PERM, sqlite3.SQLITE_PROTOCOL:
		return Unavailable
	}
	return ""
}

// ofPostgres is the reason of an SQLSTATE, see appendix A of PostgreSQL's manual.
func ofPostgres(code string) Reason {
	switch {
	case code == "53100": // disk_full
		return Full
	case code == "25006": // read_only_sql_transaction: a standby, for one
		return ReadOnly
	case code == "55P03": // lock_not_available
		return Locked
	}
	for _, class := range []string{
		"08",    // connection exception
		"28",    // invalid authorization
		"3D",    // no such database
		"53",    // insufficient resources
		"57P",   // operator intervention: shutdown, crash, cannot connect now
		"58",    // system error
		"25P03", // idle in transaction for too long
	} {
		if strings.HasPrefix(code, class) {
			return Unavailable
		}
	}
	return ""
}
