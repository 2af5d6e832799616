//go:build unix

package durable_test

import (
	"context"
	"database/sql"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/durable"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

// each runs a benchmark on both databases, with what River has for settings.
func each(b *testing.B, bench func(b *testing.B, open func(b *testing.B, do func(context.Context, *river.Job[task]) error) *durable.Engine)) {
	for _, name := range []string{"sqlite", "postgres"} {
		b.Run(name, func(b *testing.B) {
			bench(b, func(b *testing.B, do func(context.Context, *river.Job[task]) error) *durable.Engine {
				url := "file:" + filepath.Join(b.TempDir(), "tasks.db")
				if name == "postgres" {
					s, err := shared()
					if err != nil {
						b.Skipf("no PostgreSQL: %v", err)
					}
					url = s.database(b)
				}
				workers := river.NewWorkers()
				river.AddWorker(workers, river.WorkFunc(do))
				e, err := durable.Open(b.Context(), url, river.Config{
					Workers: workers, Logger: slog.New(slog.DiscardHandler),
					Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 10}},
				})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { _ = e.Shutdown(context.Background()) })
				return e
			})
		})
	}
}

// spread reports the middle and the slow end of times.
func spread(b *testing.B, times []time.Duration, what string) {
	slices.Sort(times)
	b.ReportMetric(0, "ns/op") // says nothing here
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs"+what)
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs"+what)
}

// How long a task takes until it is on the disk, by so many goroutines at once.
func BenchmarkStored(b *testing.B) {
	each(b, func(b *testing.B, open func(*testing.B, func(context.Context, *river.Job[task]) error) *durable.Engine) {
		for _, n := range []int{1, 8} {
			b.Run(map[int]string{1: "1", 8: "8"}[n], func(b *testing.B) {
				e := open(b, nothing)
				times, next := make([]time.Duration, b.N), atomic.Int64{}
				var wg sync.WaitGroup
				b.ResetTimer()
				for range n {
					wg.Go(func() {
						for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
							begun := time.Now()
							if err := store(e); err != nil {
								b.Error(err)
							}
							times[i-1] = time.Since(begun)
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
				spread(b, times, "")
			})
		}
	})
}

func store(e *durable.Engine) error {
	return e.Tx(context.Background(), func(ctx context.Context, tx *sql.Tx) error {
		_, err := e.InsertTx(ctx, tx, task{}, nil)
		return err
	})
}

// How long it takes from the commit of a task to the start of its work, one at a time.
func BenchmarkStart(b *testing.B) {
	each(b, func(b *testing.B, open func(*testing.B, func(context.Context, *river.Job[task]) error) *durable.Engine) {
		began := make(chan time.Time, 1)
		e := open(b, func(context.Context, *river.Job[task]) error { began <- time.Now(); return nil })
		if err := e.Start(b.Context()); err != nil {
			b.Fatal(err)
		}
		n := min(b.N, 50) // a tenth of a second each
		times := make([]time.Duration, n)
		b.ResetTimer()
		for i := range n {
			if err := store(e); err != nil {
				b.Fatal(err)
			}
			stored := time.Now()
			times[i] = max(0, (<-began).Sub(stored))
		}
		spread(b, times, "")
	})
}

// What a client waits for: nothing stored, a task stored, and a task that insures Send.
func BenchmarkRequest(b *testing.B) {
	each(b, func(b *testing.B, open func(*testing.B, func(context.Context, *river.Job[task]) error) *durable.Engine) {
		e := open(b, nothing)
		for _, bench := range []struct {
			name string
			do   func(w http.ResponseWriter, r *http.Request) error
		}{
			{"Send", func(w http.ResponseWriter, r *http.Request) error { return eof.Send(r.Context()) }},
			{"Tx", func(w http.ResponseWriter, r *http.Request) error { return store(e) }},
			{"InsuredSend", func(w http.ResponseWriter, r *http.Request) error {
				job, err := e.Insert(r.Context(), task{}, &river.InsertOpts{ScheduledAt: time.Now().Add(time.Minute)})
				if err == nil {
					err = eof.Send(r.Context())
				}
				if err == nil {
					_, err = e.JobDelete(r.Context(), job.Job.ID)
				}
				return err
			}},
		} {
			b.Run(bench.name, func(b *testing.B) {
				c := aborttest.ServerWith(b, aborttest.Options{Detach: true}, exitcode.Handler(bench.do))
				client, times := &http.Client{}, make([]time.Duration, b.N)
				b.ResetTimer()
				for i := range b.N {
					begun := time.Now()
					res, err := client.Post(c.URL(), "", nil)
					if err != nil || res.StatusCode != 200 {
						b.Fatalf("%v, %v", res, err)
					}
					_, _ = io.Copy(io.Discard, res.Body)
					res.Body.Close()
					times[i] = time.Since(begun)
				}
				b.StopTimer()
				client.CloseIdleConnections()
				spread(b, times, "")
			})
		}
	})
}
