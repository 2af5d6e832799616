// Command report makes reports in transactions. docs/transactions.md is its guide.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
	_ "modernc.org/sqlite"
)

func main() {
	db, err := sql.Open("sqlite", "sales.db")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE IF NOT EXISTS sales (n INTEGER, reported INTEGER)"); err != nil {
		log.Fatal(err)
	}
	archive := func(context.Context, string) error { return nil }
	rs := &reports{db: db, sum: "SELECT coalesce(sum(n), 0) FROM sales", archive: archive}
	life := middleware.New(middleware.Options{Slog: slog.Default(), Last: func(context.Context) error { return db.Close() }})
	http.Handle("POST /reports", life.Handler(exitcode.Handler(rs.create)))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := life.ListenAndServe(ctx, &http.Server{Addr: ":8080"}); err != nil {
		log.Fatal(err)
	}
}

// reports makes reports of sales: each sale is in one report. A client that leaves during
// the query costs nothing. From the archive on, the report is kept whatever the client does.
type reports struct {
	db      *sql.DB
	sum     string // the query
	archive func(ctx context.Context, report string) error
}

func (rs *reports) create(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	kept := abort.Shield(ctx)
	tx, err := rs.db.BeginTx(kept, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	if _, err := tx.ExecContext(ctx, "UPDATE sales SET reported = 1"); err != nil {
		return fmt.Errorf("mark the sales: %w", err)
	}
	var sum int64
	if err := tx.QueryRowContext(ctx, rs.sum).Scan(&sum); err != nil {
		return fmt.Errorf("sum of the sales: %w", err)
	}
	report := fmt.Sprintf("%d sold\n", sum)
	if err := rs.archive(kept, report); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	_, err = fmt.Fprint(w, report)
	return err
}
