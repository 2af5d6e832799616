//go:build unix

package durable_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"

	"github.com/lastbyte-go/lastbyte/durable"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// The environment of a process that TestMain turns into the program below.
const (
	childEnv  = "LASTBYTE_DURABLE_CHILD"  // the URL of its database
	nameEnv   = "LASTBYTE_DURABLE_NAME"   // river.Config.ID
	rescueEnv = "LASTBYTE_DURABLE_RESCUE" // JobTimeout, and RescueStuckJobsAfter
	holdEnv   = "LASTBYTE_DURABLE_HOLD"   // set: tasks of the kind "held" run until their context ends
)

// run is a task of the child: it writes down that it ran.
type run struct {
	N int `json:"n"`
}

func (run) Kind() string { return "run" }

// once is run, and it is noted to be done in the same transaction.
type once struct {
	N int `json:"n"`
}

func (once) Kind() string { return "once" }

// held is run, if the process does not hold it.
type held struct {
	N int `json:"n"`
}

func (held) Kind() string { return "held" }

// program is what the child is: a server that stores a task and says so, and works on it.
type program struct {
	engine *durable.Engine
}

func child() int {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	p := &program{}
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[run]) error {
		return p.note(ctx, job.Args.N, nil)
	}))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[once]) error {
		return p.note(ctx, job.Args.N, func(ctx context.Context, tx *sql.Tx) error {
			_, err := river.JobCompleteTx[riverdriver.Driver[*sql.Tx]](ctx, tx, job)
			return err
		})
	}))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[held]) error {
		if os.Getenv(holdEnv) != "" {
			fmt.Println("holding", job.Args.N)
			<-ctx.Done()
			return ctx.Err()
		}
		return p.note(ctx, job.Args.N, nil)
	}))
	c := river.Config{
		ID:                os.Getenv(nameEnv),
		Workers:           workers,
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 20}},
		FetchCooldown:     10 * time.Millisecond,
		FetchPollInterval: 50 * time.Millisecond,
		MaxAttempts:       1000, // a process is killed more often here than anywhere else
		Logger:            slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		TestOnly:          true,
	}
	if d, err := time.ParseDuration(os.Getenv(rescueEnv)); err == nil {
		c.JobTimeout, c.RescueStuckJobsAfter = d, d
	}
	var err error
	if p.engine, err = durable.Open(ctx, os.Getenv(childEnv), c); err != nil {
		return err
	}
	if _, err := p.engine.DB.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS runs (n int NOT NULL)"); err != nil {
		return err
	}
	if err := p.engine.Start(ctx); err != nil {
		return err
	}
	life := middleware.New(middleware.Options{Last: p.engine.Shutdown, Grace: 20 * time.Second})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + ln.Addr().String())
	return life.Serve(ctx, &http.Server{Handler: p.routes(life)}, ln)
}

func (p *program) routes(life *middleware.Lifecycle) http.Handler {
	r := chi.NewRouter()
	r.Use(life.Handler)
	r.Method("POST", "/task/{kind}/{n}", exitcode.Handler(p.store))
	r.With(life.Detach).Method("POST", "/insured/{n}", exitcode.Handler(p.insured))
	r.Method("GET", "/left", exitcode.Handler(p.left))
	r.Method("GET", "/runs", exitcode.Handler(p.runs))
	return r
}

// store stores a task in a transaction, and says so when that is committed.
func (p *program) store(w http.ResponseWriter, r *http.Request) error {
	n, err := strconv.Atoi(chi.URLParam(r, "n"))
	if err != nil {
		return err
	}
	args := map[string]river.JobArgs{"run": run{n}, "once": once{n}, "held": held{n}}[chi.URLParam(r, "kind")]
	err = p.engine.Tx(r.Context(), func(ctx context.Context, tx *sql.Tx) error {
		_, err := p.engine.InsertTx(ctx, tx, args, nil)
		return err
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, "got the task!\n")
	return err
}

// insured does the work itself, after the response. River does it if this process dies.
func (p *program) insured(w http.ResponseWriter, r *http.Request) error {
	n, err := strconv.Atoi(chi.URLParam(r, "n"))
	if err != nil {
		return err
	}
	const lease = time.Second
	ctx, cancel := context.WithTimeout(r.Context(), lease) // River has the task after that
	defer cancel()
	job, err := p.engine.Insert(ctx, run{n}, &river.InsertOpts{ScheduledAt: time.Now().Add(lease)})
	if err != nil {
		return err
	}
	_, _ = io.WriteString(w, "got the task!\n")
	if err := eof.Send(ctx); err != nil {
		return err
	}
	if r.URL.Query().Has("fail") {
		return errors.New("the work has failed")
	}
	if err := p.note(ctx, n, nil); err != nil {
		return err // River has it when the lease is over
	}
	_, err = p.engine.JobDelete(ctx, job.Job.ID)
	return err
}

// note writes down that task n runs, and what else there is to write.
func (p *program) note(ctx context.Context, n int, also func(context.Context, *sql.Tx) error) error {
	return p.engine.Tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO runs (n) VALUES (%d)", n)); err != nil || also == nil {
			return err
		}
		return also(ctx, tx)
	})
}

// left says how many tasks are not done.
func (p *program) left(w http.ResponseWriter, r *http.Request) error {
	var n int
	err := p.engine.DB.QueryRowContext(r.Context(), "SELECT count(*) FROM river_job WHERE state <> 'completed'").Scan(&n)
	fmt.Fprintln(w, n)
	return err
}

// runs gives how often each task ran.
func (p *program) runs(w http.ResponseWriter, r *http.Request) error {
	rows, err := p.engine.DB.QueryContext(r.Context(), "SELECT n, count(*) FROM runs GROUP BY n")
	if err != nil {
		return err
	}
	defer rows.Close()
	all := map[int]int{}
	for rows.Next() {
		var n, times int
		if err := rows.Scan(&n, &times); err != nil {
			return err
		}
		all[n] = times
	}
	return errors.Join(rows.Err(), json.NewEncoder(w).Encode(all))
}
