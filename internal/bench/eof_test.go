package bench_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/bench/rows"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// BenchmarkAsync is 50 requests, one after the other on one connection, to a
// handler that works for 100 ms after its answer, and to the same without that
// work, over TCP on 127.0.0.1. ratio is the one over the other, each the best of
// 31 rounds. Where the connection has to wait for the work it is above 500.
func BenchmarkAsync(b *testing.B) {
	var working sync.WaitGroup
	life := middleware.New(middleware.Options{})
	s := httptest.NewUnstartedServer(life.Handler(life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		working.Add(1)
		defer working.Done()
		io.WriteString(w, "got the task!\n")
		if err := eof.Send(r.Context()); err != nil {
			b.Error(err)
		}
		if r.URL.Path == "/work" {
			<-time.After(100 * time.Millisecond)
		}
	}))))
	life.Attach(s.Config)
	s.Start()
	defer func() {
		s.Close()
		if err := life.Shutdown(context.Background()); err != nil {
			b.Error(err)
		}
	}()
	var with, without time.Duration
	for b.Loop() {
		with, without = time.Hour, time.Hour
		for i := range 31 {
			if i%2 == 0 { // neither is always the one after the pause
				without = min(without, inARow(b, s, "/plain"))
			}
			with = min(with, inARow(b, s, "/work"))
			if i%2 == 1 {
				without = min(without, inARow(b, s, "/plain"))
			}
			working.Wait()
		}
	}
	b.ReportMetric(float64(with)/float64(without), "ratio")
	b.ReportMetric(float64(with)/50, "ns/request")
	b.ReportMetric(0, "ns/op") // it has the waiting for the work in it
}

// inARow gives the time of 50 requests on the server's one connection.
func inARow(b *testing.B, s *httptest.Server, path string) time.Duration {
	tr := s.Client().Transport.(*http.Transport)
	tr.MaxConnsPerHost = 1
	start := time.Now()
	for range 50 {
		res, err := s.Client().Get(s.URL + path)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			b.Fatal(err)
		}
		res.Body.Close()
	}
	return time.Since(start)
}

// BenchmarkHeld is the memory of 10,000 requests whose handlers are at work at
// once, see rows.Hold; over-B/held is heap and stack above those of bare net/http.
func BenchmarkHeld(b *testing.B) {
	const held = 10_000
	rows.WarmUp(held)
	bare := sync.OnceValue(func() rows.Memory { return hold(b, held, rows.HeldBare()) })
	for _, row := range rows.Held() {
		b.Run(row().Name, func(b *testing.B) {
			var m rows.Memory
			for b.Loop() {
				m = hold(b, held, row())
			}
			b.ReportMetric(m.Heap, "heap-B/held")
			b.ReportMetric(m.Stack, "stack-B/held")
			b.ReportMetric(m.Goroutines, "goroutines/held")
			b.ReportMetric(m.Heap+m.Stack-bare().Heap-bare().Stack, "over-B/held")
			b.ReportMetric(m.Goroutines-bare().Goroutines, "over-goroutines/held")
		})
	}
}

func hold(t testing.TB, n int, row rows.Row) rows.Memory {
	m, err := rows.Hold(n, row)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A handler at work after Send takes no more than this; BenchmarkHeld has the
// others.
func TestBudget_Held(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector has a memory of its own")
	}
	const held = 4000
	rows.WarmUp(held)
	bare, send := hold(t, held, rows.HeldBare()), hold(t, held, rows.HeldSend())
	bytes, goroutines := send.Heap+send.Stack-bare.Heap-bare.Stack, send.Goroutines-bare.Goroutines
	if bytes > 6.5*1024 || goroutines > 1.1 {
		t.Errorf("a handler after Send takes %.0f bytes and %.1f goroutines above a bare one, want at most 6656 and 1", bytes, goroutines)
	}
}
