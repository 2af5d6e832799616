package eof_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// slowDriver is a database that takes a second for each query, and gives two
// rows. It is its own connector, connection and transaction.
type slowDriver struct{ ended chan string }

func (d slowDriver) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d slowDriver) Driver() driver.Driver                        { return nil }
func (d slowDriver) Prepare(string) (driver.Stmt, error)          { return nil, errors.ErrUnsupported }
func (d slowDriver) Close() error                                 { return nil }
func (d slowDriver) Begin() (driver.Tx, error)                    { return d, nil }
func (d slowDriver) Commit() error                                { d.ended <- "commit"; return nil }
func (d slowDriver) Rollback() error                              { d.ended <- "rollback"; return nil }

func (d slowDriver) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) { return d, nil }

func (d slowDriver) QueryContext(ctx context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	select {
	case <-time.After(time.Second):
		return &slowRows{query, 2}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type slowRows struct {
	text string
	left int
}

func (r *slowRows) Columns() []string { return []string{"text"} }
func (r *slowRows) Close() error      { return nil }
func (r *slowRows) Next(to []driver.Value) error {
	if r.left == 0 {
		return io.EOF
	}
	r.left--
	to[0] = r.text
	return nil
}

// rows reads what a query gives.
func rows(rs *sql.Rows, err error) (n int, _ error) {
	if err != nil {
		return 0, err
	}
	defer rs.Close()
	for rs.Next() {
		var text string
		if err := rs.Scan(&text); err != nil {
			return n, err
		}
		n++
	}
	return n, rs.Err()
}

// queries are handlers: step is eof.Send, and the client's leaving after it; n
// is how many rows they got.
var queries = []struct {
	name  string
	work  func(ctx context.Context, db *sql.DB, step func()) (n int, err error)
	rows  int
	ended string // how the transaction did
}{
	{"query", func(ctx context.Context, db *sql.DB, step func()) (int, error) {
		step()
		return rows(db.QueryContext(ctx, "query"))
	}, 2, ""},
	{"rows opened before", func(ctx context.Context, db *sql.DB, step func()) (int, error) {
		rs, err := db.QueryContext(ctx, "query")
		step()
		return rows(rs, err)
	}, 2, ""},
	{"transaction begun before", func(ctx context.Context, db *sql.DB, step func()) (int, error) {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return 0, err
		}
		step()
		n, err := rows(tx.QueryContext(ctx, "query"))
		if err != nil {
			tx.Rollback() // unless database/sql was quicker
			return n, err
		}
		return n, tx.Commit()
	}, 2, "commit"},
}

// queried is what a handler of queries came to.
type queried struct {
	n          int
	err, cause error
}

// inDatabase serves one of queries, all of which take two seconds. The client
// leaves after Send, or half a second before the end.
func inDatabase(t *testing.T, p pipenet.Proto, i int, send bool, b *eof.Background) (got chan queried, ended chan string) {
	d := slowDriver{make(chan string, 1)}
	db := sql.OpenDB(d)
	t.Cleanup(func() { db.Close() })
	got = make(chan queried, 1)
	wrap := func(next http.Handler) http.Handler { return abort.Check(b.Detach(next)) }
	s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) {
		n, err := queries[i].work(r.Context(), db, func() {
			io.WriteString(w, answer)
			if send {
				wantErr(t, "Send", eof.Send(r.Context()), nil)
			}
			time.Sleep(time.Second)
		})
		got <- queried{n, err, context.Cause(r.Context())}
	})
	call := s.Begin(s.NewRequest("GET", "/", nil))
	if send {
		res, err := call.Wait()
		read(t, res, err).want(t, 200, answer)
	} else {
		time.Sleep(1500 * time.Millisecond) // in the middle of its second second
	}
	s.Conns()[0].Reset()
	return got, d.ended
}

func TestE15_DatabaseAfterSend(t *testing.T) {
	for i, q := range queries {
		t.Run(q.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				got, ended := inDatabase(t, p, i, true, background(t, eof.Options{}))
				if g := <-got; g != (queried{n: q.rows}) {
					t.Errorf("the work gets %+v, want %d rows and no error", g, q.rows)
				}
				if q.ended != "" {
					if e := <-ended; e != q.ended {
						t.Errorf("the transaction ends with %s, want %s", e, q.ended)
					}
				}
			})
		})
	}
}

// Without Send the client takes it all with it.
func TestE15_DatabaseBeforeSend(t *testing.T) {
	for i, q := range queries {
		t.Run(q.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				got, ended := inDatabase(t, p, i, false, background(t, eof.Options{}))
				g := <-got
				if g.n != 0 || g.err == nil || !errors.Is(g.cause, eof.ErrClientAborted) {
					t.Errorf("the work gets %+v, want no rows, an error, the abort as its cause", g)
				}
				if q.ended != "" {
					if e := <-ended; e != "rollback" {
						t.Errorf("the transaction ends with %s, want rollback", e)
					}
				}
			})
		})
	}
}

// A forced shutdown does, also after Send.
func TestB7_DatabaseInForcedShutdown(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		got, _ := inDatabase(t, p, 0, true, b)
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond) // in the middle of the query
		defer cancel()
		wantErr(t, "Shutdown", b.Shutdown(ctx), context.DeadlineExceeded)
		synctest.Wait()
		if g := <-got; g.n != 0 || !errors.Is(g.err, context.Canceled) || g.cause != eof.ErrShuttingDown {
			t.Errorf("the work gets %+v, want no rows, %v, cause %v", g, context.Canceled, eof.ErrShuttingDown)
		}
	})
}
