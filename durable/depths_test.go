//go:build unix

package durable_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/lastbyte-go/lastbyte/board"
	"github.com/lastbyte-go/lastbyte/durable"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func TestL9_Depths(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		begun, finish := make(chan struct{}, 10), make(chan struct{})
		e := begin(t, url, config(&records{}, func(context.Context, *river.Job[task]) error {
			begun <- struct{}{}
			<-finish
			return nil
		}))
		defer close(finish)
		insert(t, e)
		testkit.Await(t, begun, "the task")
		for _, opts := range []*river.InsertOpts{
			{ScheduledAt: time.Now().Add(time.Hour)}, {Queue: "other"}, {Queue: "other"},
		} {
			if _, err := e.Insert(t.Context(), task{}, opts); err != nil {
				t.Fatal(err)
			}
		}
		got, err := e.Depths(t.Context())
		if want := "[{default 0 1 1} {other 2 0 0}]"; err != nil || fmt.Sprint(got) != want {
			t.Errorf("Depths = %v, %v, want %s", got, err, want)
		}
	})
}

// With a Schema all that Open and Depths do is done there: two on one database have nothing
// to do with each other.
func TestD1_Schema(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		noneLeft(t)
		c, other := config(&records{}, nothing), river.Config{ID: "one", Schema: "main"}
		if c.Schema, c.ID = "main", "one"; strings.HasPrefix(url, "postgres") {
			c.Schema, other.Schema = "Jobs", "others"
			createSchemas(t, url, c.Schema, other.Schema)
			e := open(t, url, other)
			insert(t, e)
			if _, err := e.DB.ExecContext(t.Context(), `UPDATE others.river_job SET state = 'running', attempt = 1, attempted_at = now(), attempted_by = '{one}'`); err != nil {
				t.Fatal(err)
			}
		}
		e := begin(t, url, c)
		done, stop := e.Subscribe(river.EventKindJobCompleted)
		defer stop()
		insert(t, e)
		testkit.Await(t, done, "the task")
		if _, err := e.Insert(t.Context(), task{}, &river.InsertOpts{Queue: "other"}); err != nil {
			t.Fatal(err)
		}
		if got, err := e.Depths(t.Context()); err != nil || fmt.Sprint(got) != "[{other 1 0 0}]" {
			t.Errorf("Depths = %v, %v, want one job of another queue", got, err)
		}
		shutDown(t, e)
		log := &records{}
		other.Logger = slog.New(log)
		if open(t, url, other); strings.HasPrefix(url, "postgres") != (len(log.with("jobs=1")) == 1) {
			t.Errorf("the log is %q, want the job given back that is in the schema", log.with(""))
		}
	})
}

func createSchemas(t *testing.T, url string, names ...string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, name := range names {
		if _, err := db.ExecContext(t.Context(), `CREATE SCHEMA "`+name+`"`); err != nil {
			t.Fatal(err)
		}
	}
}

// The board of a program with an engine shows its queues.
func ExampleEngine_Depths() {
	var engine *durable.Engine // of Open
	life := middleware.New(middleware.Options{})
	_ = board.NewWith(life, board.Options{Queues: engine.Depths})
}
