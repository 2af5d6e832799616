//go:build unix

package durable_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/lastbyte-go/lastbyte/durable"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(child())
	}
	code := m.Run()
	if s := sharedServer.Load(); s != nil {
		s.stop()
	}
	os.Exit(code)
}

// eachDatabase runs test with an empty SQLite file, and with an empty database of
// PostgreSQL.
func eachDatabase(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, file(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, postgres(t)) })
}

// file is the URL of a SQLite file that does not exist.
func file(t *testing.T) string { return "file:" + filepath.Join(t.TempDir(), "tasks.db") }

// task is a job that calls a function of the test.
type task struct {
	N int `json:"n"`
}

func (task) Kind() string { return "task" }

// config is for an engine that works on tasks by do, and logs to log.
func config(log *records, do func(context.Context, *river.Job[task]) error) river.Config {
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(do))
	return river.Config{
		Workers:           workers,
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 10}},
		FetchCooldown:     10 * time.Millisecond,
		FetchPollInterval: 50 * time.Millisecond,
		Logger:            slog.New(log),
		TestOnly:          true, // its services begin without a delay
	}
}

func nothing(context.Context, *river.Job[task]) error { return nil }

// open opens an engine that the end of the test shuts down.
func open(t *testing.T, url string, c river.Config) *durable.Engine {
	t.Helper()
	e, err := durable.Open(t.Context(), url, c)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { shutDown(t, e) })
	return e
}

// begin opens an engine and starts it.
func begin(t *testing.T, url string, c river.Config) *durable.Engine {
	t.Helper()
	e := open(t, url, c)
	if err := e.Start(t.Context()); err != nil {
		t.Fatalf("Start: %v", err)
	}
	return e
}

func shutDown(t *testing.T, e *durable.Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := e.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// noneLeft fails the test at its end if it leaves a goroutine behind. Call it first.
func noneLeft(t *testing.T) {
	before := map[string]bool{}
	for _, g := range testkit.Goroutines() {
		before[name(g)] = true
	}
	t.Cleanup(func() {
		var left []string
		for end := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) { // the runtime tells nobody
			left = left[:0]
			for _, g := range testkit.Goroutines() {
				if !before[name(g)] && !strings.Contains(g, "testing.(*T).Run") && !strings.Contains(g, "testing.tRunner") {
					left = append(left, g)
				}
			}
			if len(left) == 0 {
				return
			}
			if time.Now().After(end) {
				t.Errorf("goroutines left:\n%s", strings.Join(left, "\n\n"))
				return
			}
		}
	})
}

// name is what the first line of g says: "goroutine 7".
func name(g string) string {
	n, _, _ := strings.Cut(g, " [")
	return n
}

// records keeps the lines of a log.
type records struct {
	mu    sync.Mutex
	lines []string
}

func (r *records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *records) WithGroup(string) slog.Handler            { return r }
func (r *records) Handle(_ context.Context, l slog.Record) error {
	line := l.Level.String() + " " + l.Message
	l.Attrs(func(a slog.Attr) bool {
		line += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
	return nil
}

// with are the lines that have text in them.
func (r *records) with(text string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []string
	for _, l := range r.lines {
		if strings.Contains(l, text) {
			found = append(found, l)
		}
	}
	return found
}

// count is how many jobs are in that state; "" means any.
func count(t *testing.T, e *durable.Engine, state string) (n int) {
	t.Helper()
	query := "SELECT count(*) FROM river_job"
	if state != "" {
		query += " WHERE state = '" + state + "'"
	}
	if err := e.DB.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("count: %v", err)
	}
	return n
}
