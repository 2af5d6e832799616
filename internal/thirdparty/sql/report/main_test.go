package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
	"modernc.org/sqlite"
)

// made is a call of create. reported is how many sales are in a report in the end.
type made struct {
	call     *aborttest.Call
	log      string
	reported int
}

// database is one that reports are made with.
type database struct {
	driver string
	url    func(t *testing.T) string
	long   string                         // a query that does not end soon
	begun  func(t *testing.T, url string) // waits until that query is under way
}

var databases = map[string]database{"SQLite": {
	"sqlite", func(t *testing.T) string { return filepath.Join(t.TempDir(), "test.db") },
	`WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT sum(row(x)) FROM n`,
	func(*testing.T, string) { <-firstRow },
}}

// firstRow gets a word at the first row of SQLite's long query.
var firstRow = make(chan struct{}, 1)

func init() {
	sqlite.MustRegisterScalarFunction("row", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		if args[0] == int64(1) {
			firstRow <- struct{}{}
		}
		return args[0], nil
	})
}

// place is where a report is made.
type place struct {
	database
	at     string // the database's URL
	detach bool
}

// makeReport calls create, and body while it is at work.
func makeReport(t *testing.T, at place, rs *reports, body func(call *aborttest.Call)) (m made) {
	t.Helper()
	var err error
	if rs.db, err = sql.Open(at.driver, at.at); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rs.db.Close() }()
	rs.db.SetMaxOpenConns(1) // one that is not given back is missed
	if _, err := rs.db.ExecContext(t.Context(), "DROP TABLE IF EXISTS sales; CREATE TABLE sales (n INTEGER, reported INTEGER); INSERT INTO sales VALUES (3, 0), (4, 0)"); err != nil {
		t.Fatal(err)
	}
	if rs.archive == nil {
		rs.archive = func(context.Context, string) error { return nil }
	}
	var log strings.Builder
	life := middleware.New(middleware.Options{Slog: slog.New(slog.NewTextHandler(&log, nil))})
	wrap := life.Handler
	if at.detach {
		wrap = life.Detach
	}
	c := aborttest.ServerWith(t, aborttest.Options{Protocols: []aborttest.Protocol{aborttest.HTTP1}, Lifecycle: life}, wrap(exitcode.Handler(rs.create)))
	m.call = c.Post("/reports", "text/plain", strings.NewReader("sales"))
	body(m.call)
	m.call.Done()
	if err := rs.db.QueryRowContext(t.Context(), "SELECT sum(reported) FROM sales").Scan(&m.reported); err != nil {
		t.Error(err)
	}
	m.log = log.String()
	return m
}

func eachReport(t *testing.T, body func(t *testing.T, at place)) {
	for name, db := range databases {
		t.Run(name, func(t *testing.T) {
			url := db.url(t)
			t.Run("Handler", func(t *testing.T) { body(t, place{db, url, false}) })
			t.Run("Detach", func(t *testing.T) { body(t, place{db, url, true}) })
		})
	}
}

const sumOfSales = "SELECT sum(n) FROM sales"

func TestReport_Whole(t *testing.T) {
	eachReport(t, func(t *testing.T, at place) {
		m := makeReport(t, at, &reports{sum: sumOfSales}, func(*aborttest.Call) {})
		if res := m.call.Response(); res.Status != 200 || res.Body != "7 sold\n" || m.reported != 2 {
			t.Errorf("Response = %+v, %d sales are reported, want 7 sold and 2", res, m.reported)
		}
	})
}

// The query is interrupted, all is as before, and nothing of it is an error.
func TestReport_ClientLeavesDuringTheQuery(t *testing.T) {
	eachReport(t, func(t *testing.T, at place) {
		m := makeReport(t, at, &reports{sum: at.long}, func(call *aborttest.Call) {
			at.begun(t, at.at)
			call.Leave(aborttest.Close)
		})
		if o := m.call.Outcome(); o.Status != 499 || o.Abort == nil || m.reported != 0 {
			t.Errorf("Outcome = %+v, %d sales are reported, want 499 and none", o, m.reported)
		}
		if strings.Contains(m.log, "ERROR") {
			t.Errorf("the log is\n%s\nwant no error", m.log)
		}
	})
}

// From the archive on the report is kept.
func TestReport_ClientLeavesDuringTheArchive(t *testing.T) {
	eachReport(t, func(t *testing.T, at place) {
		begun := make(chan struct{})
		rs := &reports{sum: sumOfSales, archive: func(ctx context.Context, _ string) error {
			left := make(chan struct{})
			abort.AfterFunc(ctx, func(context.Context) { close(left) })
			close(begun)
			<-left
			return ctx.Err()
		}}
		m := makeReport(t, at, rs, func(call *aborttest.Call) {
			<-begun
			call.Leave(aborttest.Close)
		})
		if o := m.call.Outcome(); o.Status != 499 || o.Abort == nil || m.reported != 2 {
			t.Errorf("Outcome = %+v, %d sales are reported, want 499 and 2", o, m.reported)
		}
	})
}

// An archive that is full rolls back, and the client is told no more than that.
func TestReport_ArchiveFails(t *testing.T) {
	eachReport(t, func(t *testing.T, at place) {
		rs := &reports{sum: sumOfSales, archive: func(context.Context, string) error { return errors.New("disk of 10.0.0.7 is full") }}
		m := makeReport(t, at, rs, func(*aborttest.Call) {})
		if res := m.call.Response(); res.Status != 500 || res.Body != "500 Internal Server Error\n" || m.reported != 0 {
			t.Errorf("Response = %+v, %d sales are reported, want 500 and none", res, m.reported)
		}
		if strings.Count(m.log, "archive: disk of 10.0.0.7 is full") != 1 {
			t.Errorf("the log is\n%s\nwant the error once", m.log)
		}
	})
}
