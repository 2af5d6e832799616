//go:build unix

package durable_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"

	"github.com/lastbyte-go/lastbyte/durable"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// Mail is a task.
type Mail struct {
	To string `json:"to"`
}

func (Mail) Kind() string { return "mail" }

// mails is an engine that works on mails, in a file that is removed by done.
func mails(work func(context.Context, *river.Job[Mail]) error) (engine *durable.Engine, done func()) {
	dir, err := os.MkdirTemp("", "durable")
	if err != nil {
		log.Fatal(err)
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(work))
	engine, err = durable.Open(context.Background(), "file:"+filepath.Join(dir, "tasks.db"), river.Config{
		Workers: workers,
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 10}},
	})
	if err != nil {
		log.Fatal(err)
	}
	return engine, func() { _ = os.RemoveAll(dir) }
}

// The task is stored with the rest of the request's transaction. The answer is true.
func ExampleEngine_Tx() {
	sent := make(chan string)
	engine, done := mails(func(_ context.Context, job *river.Job[Mail]) error {
		sent <- job.Args.To
		return nil
	})
	defer done()
	defer engine.Shutdown(context.Background())
	if err := engine.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	life := middleware.New(middleware.Options{})
	srv := httptest.NewUnstartedServer(life.Handler(exitcode.Handler(func(w http.ResponseWriter, r *http.Request) error {
		err := engine.Tx(r.Context(), func(ctx context.Context, tx *sql.Tx) error {
			// What else the request changes is changed by tx, too.
			_, err := engine.InsertTx(ctx, tx, Mail{To: "gopher@example.com"}, nil)
			return err
		})
		if err != nil {
			return err // 503 if the database is the reason
		}
		_, err = io.WriteString(w, "got the task!")
		return err
	})))
	life.Attach(srv.Config)
	srv.Start()
	defer srv.Close()

	res, err := http.Post(srv.URL, "", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	fmt.Println(string(text))
	fmt.Println("mail to", <-sent)
	// Output:
	// got the task!
	// mail to gopher@example.com
}

// The handler answers, and does the work itself: it has all that it needs in its hands,
// and the client does not wait. The task is stored before the answer, for later: if the
// process dies, River does it when the lease is over.
func ExampleEngine_Insert_insured() {
	engine, done := mails(func(context.Context, *river.Job[Mail]) error { return nil })
	defer done()
	defer engine.Shutdown(context.Background())
	send := func(_ context.Context, to string) error {
		fmt.Println("mail to", to)
		return nil
	}
	life := middleware.New(middleware.Options{})
	defer life.Shutdown(context.Background())
	srv := httptest.NewUnstartedServer(life.Detach(exitcode.Handler(func(w http.ResponseWriter, r *http.Request) error {
		const lease = time.Minute
		ctx, cancel := context.WithTimeout(r.Context(), lease) // River has the task after that
		defer cancel()
		job, err := engine.Insert(ctx, Mail{To: "gopher@example.com"}, &river.InsertOpts{ScheduledAt: time.Now().Add(lease)})
		if err != nil {
			return err
		}
		_, _ = io.WriteString(w, "got the task!")
		if err := eof.Send(ctx); err != nil {
			return err // River does the task: the client may have the answer
		}
		if err := send(ctx, "gopher@example.com"); err != nil {
			return err // River tries again
		}
		_, err = engine.JobDelete(ctx, job.Job.ID)
		return err
	})))
	life.Attach(srv.Config)
	srv.Start()
	defer srv.Close()

	res, err := http.Post(srv.URL, "", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	_ = life.Shutdown(context.Background()) // waits for the handler
	// Output: mail to gopher@example.com
}

// What a job does to the database of the engine is done once, if the note that it is done
// is written in the same transaction.
func ExampleEngine_Tx_completes() {
	var engine *durable.Engine
	engine, done := mails(func(ctx context.Context, job *river.Job[Mail]) error {
		return engine.Tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, "INSERT INTO mails VALUES ($1)", job.Args.To); err != nil {
				return err
			}
			_, err := river.JobCompleteTx[riverdriver.Driver[*sql.Tx]](ctx, tx, job)
			return err
		})
	})
	defer done()
	ctx := context.Background()
	if _, err := engine.DB.ExecContext(ctx, "CREATE TABLE mails (address text)"); err != nil {
		log.Fatal(err)
	}
	completed, stop := engine.Subscribe(river.EventKindJobCompleted)
	defer stop()
	if err := engine.Start(ctx); err != nil {
		log.Fatal(err)
	}
	if _, err := engine.Insert(ctx, Mail{To: "gopher@example.com"}, nil); err != nil {
		log.Fatal(err)
	}
	<-completed
	var n int
	err := engine.DB.QueryRowContext(ctx, "SELECT count(*) FROM mails").Scan(&n)
	fmt.Println(n, err, engine.Shutdown(ctx))
	// Output: 1 <nil> <nil>
}

// Shutdown is the last thing that a server does: requests, and work after responses, may
// store tasks until then.
func ExampleEngine_Shutdown() {
	engine, done := mails(func(context.Context, *river.Job[Mail]) error { return nil })
	defer done()
	life := middleware.New(middleware.Options{Last: engine.Shutdown})
	ctx, stop := context.WithCancel(context.Background()) // in a program: signal.NotifyContext
	if err := engine.Start(ctx); err != nil {
		log.Fatal(err)
	}
	time.AfterFunc(10*time.Millisecond, stop)
	err := life.ListenAndServe(ctx, &http.Server{Addr: "127.0.0.1:0", Handler: life.Handler(http.NotFoundHandler())})
	fmt.Println("all is done:", err)
	// Output: all is done: <nil>
}
