//go:build unix

package durable_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/durable"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/thread"
)

// eachRequest runs test with both databases, on both protocols, with and without Detach.
func eachRequest(t *testing.T, test func(t *testing.T, e *durable.Engine, o aborttest.Options)) {
	eachDatabase(t, func(t *testing.T, url string) {
		e := open(t, url, config(&records{}, nothing))
		for _, p := range []aborttest.Protocol{aborttest.HTTP1, aborttest.HTTP2} {
			for _, detach := range []bool{false, true} {
				name := string(p)
				if detach {
					name += ",detach"
				}
				t.Run(name, func(t *testing.T) {
					test(t, e, aborttest.Options{Protocols: []aborttest.Protocol{p}, Detach: detach})
				})
			}
		}
	})
}

// storing is a handler that stores a task, does what then says, and commits.
func storing(e *durable.Engine, then func(context.Context) error) http.Handler {
	return exitcode.Handler(func(w http.ResponseWriter, r *http.Request) error {
		err := e.Tx(r.Context(), func(ctx context.Context, tx *sql.Tx) error {
			if _, err := e.InsertTx(ctx, tx, task{}, nil); err != nil {
				return err
			}
			return then(ctx)
		})
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, "got the task!")
		return err
	})
}

func TestD3_Committed(t *testing.T) {
	eachRequest(t, func(t *testing.T, e *durable.Engine, o aborttest.Options) {
		before := count(t, e, "available")
		c := aborttest.ServerWith(t, o, storing(e, func(context.Context) error { return nil }))
		if res := c.Post("/", "", nil).Response(); res.Status != 200 || res.Body != "got the task!" {
			t.Errorf("the response is %d %q, %v, want 200", res.Status, res.Body, res.Err)
		}
		if n := count(t, e, "available") - before; n != 1 {
			t.Errorf("%d tasks are stored, want 1", n)
		}
	})
}

func TestD3_NothingIsStored(t *testing.T) {
	eachRequest(t, func(t *testing.T, e *durable.Engine, o aborttest.Options) {
		before := count(t, e, "")
		for _, tc := range []struct {
			name   string
			status int
			then   func(context.Context) error
		}{
			{"error", 500, func(context.Context) error { return errors.New("an error") }},
			{"error with a code", 409, func(context.Context) error { return exitcode.Code(409).Err() }},
			{"exit", 403, func(ctx context.Context) error { return exitcode.Exit(ctx, 403) }},
			{"throw", 404, func(ctx context.Context) error { exitcode.Throw(ctx, 404); return nil }},
			{"thread", 429, func(ctx context.Context) error {
				one, err := thread.Spawn(ctx, func(ctx context.Context) error { return exitcode.Exit(ctx, 429) })
				if err != nil {
					return err
				}
				return one.Wait(context.WithoutCancel(ctx))
			}},
			{"panic", 0, func(context.Context) error { panic(http.ErrAbortHandler) }},
		} {
			t.Run(tc.name, func(t *testing.T) {
				c := aborttest.ServerWith(t, o, storing(e, tc.then))
				if res := c.Post("/", "", nil).Response(); res.Status != tc.status {
					t.Errorf("the response is %d %q, %v, want %d", res.Status, res.Body, res.Err, tc.status)
				}
				if n := count(t, e, "") - before; n != 0 {
					t.Errorf("%d tasks are stored, want none", n)
				}
			})
		}
	})
}

func TestD3_AbortBeforeTheCommit(t *testing.T) {
	eachRequest(t, func(t *testing.T, e *durable.Engine, o aborttest.Options) {
		before := count(t, e, "")
		begun, came := make(chan struct{}), make(chan error, 1)
		h := storing(e, func(ctx context.Context) error {
			close(begun)
			<-ctx.Done() // and goes on to commit
			return nil
		})
		c := aborttest.ServerWith(t, o, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() { came <- context.Cause(r.Context()) }()
			h.ServeHTTP(w, r)
		}))
		call := c.Get("/")
		testkit.Await(t, begun, "the transaction")
		call.Leave(aborttest.Close)
		if err := testkit.Await(t, came, "the end of the handler"); !errors.Is(err, abort.ErrClientAborted) {
			t.Errorf("the cause is %v, want an abort", err)
		}
		if out := call.Outcome(); out.Status != 499 {
			t.Errorf("the outcome is %d, want 499", out.Status)
		}
		if n := count(t, e, "") - before; n != 0 {
			t.Errorf("%d tasks are stored, want none", n)
		}
	})
}

// What a transaction says of a context that has ended is the reason for that.
func TestD3_Causes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		e := open(t, url, config(&records{}, nothing))
		why := errors.New("why")
		ctx, cancel := context.WithCancelCause(t.Context())
		err := e.Tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
			cancel(why)
			<-ctx.Done()
			_, err := tx.ExecContext(ctx, "SELECT 1")
			return err
		})
		if !errors.Is(err, why) || asError(err) != nil {
			t.Errorf("Tx = %v, want the cause", err)
		}
		if _, err := e.Insert(ctx, task{}, nil); !errors.Is(err, why) || asError(err) != nil {
			t.Errorf("Insert = %v, want the cause", err)
		}
	})
}

// The user's own errors are the user's: what the database says of a statement that is
// wrong is no 503.
func TestD3_OwnErrors(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		e := open(t, url, config(&records{}, nothing))
		for _, query := range []string{"SELECT nonsense", "INSERT INTO river_migration (line, version) VALUES ('main', 1)"} {
			err := e.Tx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, query)
				return err
			})
			if err == nil || asError(err) != nil {
				t.Errorf("Tx with %q = %v, want the database's own error", query, err)
			}
		}
	})
}

// Nor is what came of another connection than the database's.
func TestD3_OtherConnections(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		e := open(t, url, config(&records{}, nothing))
		for _, own := range []error{
			fmt.Errorf("the body: %w", io.EOF), io.ErrUnexpectedEOF, net.ErrClosed, context.DeadlineExceeded,
			&net.OpError{Op: "dial", Err: errors.New("refused")},
		} {
			err := e.Tx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
				if _, err := e.InsertTx(ctx, tx, task{}, nil); err != nil {
					return err
				}
				return own
			})
			if err != own {
				t.Errorf("Tx = %v, want the function's own error", err)
			}
		}
		if n := count(t, e, ""); n != 0 {
			t.Errorf("%d tasks are stored, want none", n)
		}
	})
}

// A connection that is lost is a fault of the database, whatever fn says of it.
func TestD3_LostConnection(t *testing.T) {
	e := open(t, postgres(t), config(&records{}, nothing))
	for _, hide := range []bool{false, true} {
		err := e.Tx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "SELECT pg_terminate_backend(pg_backend_pid())")
			if hide {
				return errors.New("something is wrong")
			}
			return err
		})
		isError(t, "Tx", err, durable.Unavailable)
	}
	err := e.Tx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		_, _ = tx.ExecContext(ctx, "SELECT pg_terminate_backend(pg_backend_pid())")
		return nil
	})
	isError(t, "Tx that would commit", err, durable.Unavailable)
	insert(t, e)
}

// A transaction that waits for the only connection gives up in time. The clock is a
// bubble's, so that the engine is opened in it.
func TestD3_Patience(t *testing.T) {
	url := file(t)
	synctest.Test(t, func(t *testing.T) {
		e, err := durable.Open(t.Context(), url, config(&records{}, nothing))
		if err != nil {
			t.Fatal(err)
		}
		defer shutDown(t, e)
		conn, err := e.DB.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		isError(t, "Tx", e.Tx(t.Context(), func(context.Context, *sql.Tx) error { return nil }), durable.Unavailable)
		_, err = e.Insert(t.Context(), task{}, nil)
		isError(t, "Insert", err, durable.Unavailable)
		if took := time.Since(begun); took != 20*time.Second {
			t.Errorf("both took %v, want 10 s each", took)
		}
		conn.Close()
		err = e.Tx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			if _, err := e.InsertTx(ctx, tx, task{}, nil); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		})
		isError(t, "Tx that takes too long", err, durable.Unavailable)
		if n := count(t, e, ""); n != 0 {
			t.Errorf("%d tasks are stored, want none", n)
		}
	})
}
