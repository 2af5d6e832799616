// Command example is a server whose tasks survive it: run it by
//
//	go -C durable run ./example
//
// send it a task, kill it with SIGKILL while the task runs, and start it again.
package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/riverqueue/river"

	"github.com/lastbyte-go/lastbyte/board"
	"github.com/lastbyte-go/lastbyte/durable"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// Count is a task: it counts, a number each second.
type Count struct {
	To int `json:"to"`
}

// Kind is the name of the task in the database.
func (Count) Kind() string { return "count" }

func count(ctx context.Context, job *river.Job[Count]) error {
	for i := range job.Args.To {
		log.Printf("task %d, attempt %d: %d of %d", job.ID, job.Attempt, i+1, job.Args.To)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err() // a shutdown: River gives the task to the next process
		}
	}
	log.Printf("task %d is done", job.ID)
	return nil
}

// server stores tasks and works on them.
type server struct {
	engine *durable.Engine
	to     int // how far a task counts
}

// post stores a task, and says so when it is on the disk.
func (s *server) post(w http.ResponseWriter, r *http.Request) error {
	err := s.engine.Tx(r.Context(), func(ctx context.Context, tx *sql.Tx) error {
		_, err := s.engine.InsertTx(ctx, tx, Count{To: s.to}, nil)
		return err
	})
	if err != nil {
		return err // 503 if the database is the reason
	}
	_, err = fmt.Fprintln(w, "got the task!")
	return err
}

func run(ctx context.Context, addr, url string, to int) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(count))
	engine, err := durable.Open(ctx, url, river.Config{
		Workers: workers,
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 10}},
		Logger:  slog.Default(),
	})
	if err != nil {
		return err
	}
	if err := engine.Start(ctx); err != nil {
		return err
	}
	life := middleware.New(middleware.Options{Slog: slog.Default(), Last: engine.Shutdown})
	r := chi.NewRouter()
	r.Use(chimiddleware.RequestID)
	r.Handle("/debug/requests*", board.NewWith(life, board.Options{Queues: engine.Depths}))
	s := &server{engine, to}
	r.With(life.Handler).Method("POST", "/durable", exitcode.Handler(s.post))
	fmt.Printf(`the tasks are in %s; process %d

  curl -d x http://%s/durable    # and while the task counts:
  kill -9 %d                          # and start this program again

the board: http://%s/debug/requests

`, url, os.Getpid(), ln.Addr(), os.Getpid(), ln.Addr())
	return life.Serve(ctx, &http.Server{Handler: r}, ln)
}

func main() {
	addr := flag.String("addr", "127.0.0.1:8081", "address to listen on")
	url := flag.String("db", "file:"+filepath.Join(os.TempDir(), "lastbyte-tasks.db"), "file:… or postgres://…")
	to := flag.Int("count", 10, "how far a task counts, a second each")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, *addr, *url, *to); err != nil {
		log.Fatal(err)
	}
}
