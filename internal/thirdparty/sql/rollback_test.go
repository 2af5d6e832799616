package thirdparty_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// work is what the endless query of a test calls for every row.
type work struct {
	begun   chan struct{} // closed at the first row
	called  atomic.Bool   // a callback has begun; from then on the query ends by itself
	ends    time.Time     // when it does; set before called
	started bool          // the driver's goroutine alone
}

// patience is how long the query goes on after the client has left, if nobody
// interrupts it.
const patience = 700 * time.Millisecond

// errByItself is the end of a query that nobody interrupted.
var errByItself = errors.New("the query came to its end")

// row is called by SQLite. One query runs at a time, on one goroutine.
func (w *work) row() error {
	if !w.started {
		w.started = true
		close(w.begun)
	}
	if w.called.Load() && !time.Now().Before(w.ends) {
		return errByItself
	}
	return nil
}

var current atomic.Pointer[work]

func init() {
	sqlite.MustRegisterScalarFunction("row", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		return args[0], current.Load().row()
	})
}

// endless never ends: it is either interrupted, or row fails.
const endless = `WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT sum(row(x)) FROM n`

// found is what a handler and its callback come to.
type found struct {
	query, rollback error
	took            time.Duration // the callback
	outcome         middleware.Outcome
}

// leave has a handler write in a transaction and then run the endless query in
// it, and its client leave while that runs. undo is the callback's; nil: none is
// registered.
func leave(t *testing.T, detach bool, undo func(ctx context.Context, tx *sql.Tx) error) found {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (x)"); err != nil {
		t.Fatal(err)
	}
	k := &work{begun: make(chan struct{})}
	current.Store(k)

	f := found{}
	failed := make(chan error, 1)
	c := aborttest.ServerWith(t, aborttest.Options{Detach: detach, Protocols: []aborttest.Protocol{aborttest.HTTP1}}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			failed <- err
			return
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO t VALUES (1)")
		if undo != nil {
			err = errors.Join(err, abort.On(ctx, func(ctx context.Context) {
				begin := time.Now()
				k.ends = begin.Add(patience)
				k.called.Store(true)
				f.rollback = undo(ctx, tx)
				f.took = time.Since(begin)
			}))
		}
		if err != nil {
			failed <- err
			return
		}
		var sum int64
		f.query = tx.QueryRowContext(ctx, endless).Scan(&sum)
	}))
	call := c.Get("/")
	select {
	case err := <-failed:
		t.Fatal(err)
	case <-t.Context().Done():
		t.Fatal("the query does not begin")
	case <-k.begun:
	}
	call.Leave(aborttest.Close)
	f.outcome = call.Done()
	var rows int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM t").Scan(&rows); err != nil || rows != 0 {
		t.Errorf("the table has %d rows, %v, want none: rolled back", rows, err)
	}
	return f
}

var wraps = []struct {
	name   string
	detach bool
}{{"Handler", false}, {"Detach", true}}

// An exit cancels the handler's context, which interrupts the query that
// Rollback waits for.
func TestRollback_ExitFirst(t *testing.T) {
	for _, w := range wraps {
		t.Run(w.name, func(t *testing.T) {
			f := leave(t, w.detach, func(ctx context.Context, tx *sql.Tx) error {
				err := exitcode.Exit(ctx, exitcode.ClientClosedRequest)
				if rerr := tx.Rollback(); !errors.Is(rerr, sql.ErrTxDone) { // the context's end rolls back, too
					err = errors.Join(err, rerr)
				}
				return err
			})
			if f.rollback != nil {
				t.Errorf("Exit and Rollback = %v, want nil", f.rollback)
			}
			if f.query == nil || errors.Is(f.query, errByItself) || f.took >= patience {
				t.Errorf("the query gives %v after %v, want that it was interrupted at once", f.query, f.took)
			}
			if f.outcome.Status != 499 || f.outcome.Abort == nil {
				t.Errorf("Outcome = %+v, want 499 and an abort", f.outcome)
			}
		})
	}
}

// Rollback alone does not interrupt a query: database/sql waits until the
// connection is free, so with Rollback first all of the query is waited for.
func TestRollback_BeforeExitWaitsForTheQuery(t *testing.T) {
	for _, w := range wraps {
		t.Run(w.name, func(t *testing.T) {
			f := leave(t, w.detach, func(ctx context.Context, tx *sql.Tx) error {
				err := tx.Rollback()
				return errors.Join(err, exitcode.Exit(ctx, exitcode.ClientClosedRequest))
			})
			if f.rollback != nil {
				t.Errorf("Rollback and Exit = %v, want nil", f.rollback)
			}
			if f.query == nil || errors.Is(f.query, context.Canceled) || f.took < patience {
				t.Errorf("the query gives %v, Rollback took %v: want that it waited %v for the query to end by itself", f.query, f.took, patience)
			}
		})
	}
}

// Without a callback the abort itself cancels the context, which interrupts the
// query and rolls back.
func TestRollback_NoCallback(t *testing.T) {
	for _, w := range wraps {
		t.Run(w.name, func(t *testing.T) {
			f := leave(t, w.detach, nil)
			if f.query == nil || errors.Is(f.query, errByItself) {
				t.Errorf("the query gives %v, want that it was interrupted", f.query)
			}
			if f.outcome.Status != 499 || f.outcome.Abort == nil {
				t.Errorf("Outcome = %+v, want 499 and an abort", f.outcome)
			}
		})
	}
}
