package metrics_test

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/metrics"
	"github.com/lastbyte-go/lastbyte/middleware"

	"github.com/go-chi/chi/v5"
)

// routes is a program with a route for each ending.
func routes(life *middleware.Lifecycle, m mount) http.Handler {
	wrap := func(next http.Handler) http.Handler { return m.wrap(life, next) }
	all := chi.NewRouter()
	all.NotFound(wrap(http.NotFoundHandler()).ServeHTTP)
	r := all.With(wrap)
	r.HandleFunc("/plain/{n}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	r.HandleFunc("/exit/{code}", func(_ http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(chi.URLParam(r, "code"))
		_ = exitcode.Exit(r.Context(), exitcode.Code(code))
	})
	r.HandleFunc("/wait", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	r.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("of the handler") })
	r.With(life.Detach).HandleFunc("/send", func(_ http.ResponseWriter, r *http.Request) {
		_ = eof.Send(r.Context())
		time.Sleep(3 * time.Second)
	})
	r.HandleFunc("/defer", func(_ http.ResponseWriter, r *http.Request) {
		_ = eof.Defer(r.Context(), func(context.Context) { time.Sleep(2 * time.Second) })
		_ = eof.Defer(r.Context(), func(context.Context) { panic("of the task") })
	})
	return all
}

// get reads a response, if there is one. Clients send a GET again that was dropped on a
// connection that had served another, so it is no GET.
func get(s *pipenet.Server, path string) {
	if res, err := s.Do(s.NewRequest("POST", path, nil)); err == nil {
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
}

// Each response is counted by who ended it, each abort and exit with its route, and
// together they are what Lifecycle.Stats has.
func TestM1_Endings(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		life := newLife(t)
		reg := registry(life, metrics.Options{})
		s := pipenet.Start(t, p, routes(life, m), life.Attach)
		for _, path := range []string{"/plain/1", "/plain/2", "/exit/404", "/exit/404", "/exit/444", "/nowhere", "/panic"} {
			get(s, path)
		}
		call := s.Begin(s.NewRequest("GET", "/wait", nil))
		time.Sleep(4 * time.Second)
		call.Cancel()
		get(s, "/send")
		wantSeries(t, reg, map[string]float64{
			`lastbyte_endings_total{ending="handler"}`:                                 3, // 404 of the router among them
			`lastbyte_endings_total{ending="exit"}`:                                    3,
			`lastbyte_endings_total{ending="client"}`:                                  1,
			`lastbyte_endings_total{ending="send"}`:                                    1,
			`lastbyte_endings_total{ending="panic"}`:                                   1,
			`lastbyte_exits_total{code="404",route="/exit/{code}"}`:                    2,
			`lastbyte_exits_total{code="444",route="/exit/{code}"}`:                    1,
			`lastbyte_abort_seconds_count`:                                             1,
			`lastbyte_abort_seconds_bucket{le="2.5"}`:                                  0,
			`lastbyte_abort_seconds_bucket{le="5"}`:                                    1,
			`lastbyte_background_detached`:                                             1,
			`lastbyte_detached_seconds_count`:                                          0,
			`lastbyte_aborts_total{reason="unverified",route="/wait",stage="handler"}`: 1,
		})
		time.Sleep(4 * time.Second)
		wantSeries(t, reg, map[string]float64{
			`lastbyte_background_detached`:  0,
			`lastbyte_detached_seconds_sum`: 3,
		})
		adds(t, life, scrape(t, reg))
	})
}

// adds checks a scrape against what the Lifecycle has counted.
func adds(t *testing.T, life *middleware.Lifecycle, found map[string]float64) {
	t.Helper()
	now := life.Stats()
	for name, want := range map[string]float64{
		"lastbyte_endings_total":       float64(now.Requests) - float64(now.Active),
		"lastbyte_aborts_total":        float64(now.Aborts),
		"lastbyte_abort_seconds_count": float64(now.Aborts),
		"lastbyte_exits_total":         float64(now.Exits),
	} {
		if got := sum(found, name); got != want {
			t.Errorf("%s adds up to %v, want %v as of Stats", name, got, want)
		}
	}
	if got := found[`lastbyte_background_tasks_total{result="done"}`]; got != float64(now.Background.Done) {
		t.Errorf("done = %v, want %d as of Stats", got, now.Background.Done)
	}
	if got := found[`lastbyte_endings_total{ending="send"}`]; got != float64(now.EOFs) {
		t.Errorf("send = %v, want %d as of Stats", got, now.EOFs)
	}
}

// Tasks that run and wait are gauges, and their times a histogram.
func TestM2_Background(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		life := newLife(t)
		reg := registry(life, metrics.Options{})
		s := pipenet.Start(t, p, routes(life, m), life.Attach)
		get(s, "/defer")
		if err := life.Background().After(t.Context(), time.Hour, "later", func(context.Context) {}); err != nil {
			t.Fatal(err)
		}
		wantSeries(t, reg, map[string]float64{
			`lastbyte_background_running`:                        1,
			`lastbyte_background_pending`:                        1,
			`lastbyte_background_tasks_total{result="panicked"}`: 1,
		})
		time.Sleep(2 * time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = life.Background().Go(t.Context(), "stuck", func(ctx context.Context) { <-ctx.Done() })
		synctest.Wait()
		_ = life.Shutdown(ctx)
		_ = life.Background().After(t.Context(), time.Hour, "too late", func(context.Context) {})
		wantSeries(t, reg, map[string]float64{
			`lastbyte_background_running`:                        0,
			`lastbyte_background_pending`:                        0,
			`lastbyte_background_tasks_total{result="rejected"}`: 1,
			`lastbyte_background_tasks_total{result="done"}`:     float64(life.Stats().Background.Done),
			`lastbyte_shutdown_lost_total`:                       float64(life.Stats().Background.Lost),
			`lastbyte_task_seconds_count`:                        4,
			`lastbyte_task_seconds_sum`:                          2,
		})
		if life.Stats().Background.Lost == 0 {
			t.Error("nothing was lost, want the task that was stuck")
		}
	})
}

// A request that Detach refuses is counted, as an exit and as refused.
func TestM2_Refused(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		life := middleware.New(middleware.Options{Background: eof.Options{Detached: 1}})
		t.Cleanup(func() { _ = life.Shutdown(context.Background()) })
		reg := registry(life, metrics.Options{})
		s := pipenet.Start(t, p, routes(life, mounts[1]), life.Attach)
		get(s, "/send")
		get(s, "/send")
		wantSeries(t, reg, map[string]float64{
			`lastbyte_background_tasks_total{result="refused"}`: 1,
			`lastbyte_background_detached`:                      1,
		})
		adds(t, life, scrape(t, reg))
		time.Sleep(4 * time.Second)
	})
}
