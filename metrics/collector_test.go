package metrics_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/metrics"
	"github.com/lastbyte-go/lastbyte/middleware"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// serveAll serves a request of each path with the program of routes, without a server.
func serveAll(life *middleware.Lifecycle, paths ...string) {
	h := routes(life, mounts[0])
	for _, path := range paths {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
}

// Prometheus' own linter finds nothing, and the descriptions are true.
func TestCollector_Lint(t *testing.T) {
	t.Parallel()
	life := newLife(t)
	c := metrics.New(life, metrics.Options{ConstLabels: prometheus.Labels{"server": "api"}})
	serveAll(life, "/exit/404", "/plain/1")
	problems, err := testutil.CollectAndLint(c)
	if err != nil || len(problems) > 0 {
		t.Errorf("CollectAndLint() = %v, %v, want no problem", problems, err)
	}
}

// The histograms have classic buckets, as Options has them, and native ones.
func TestCollector_Buckets(t *testing.T) {
	t.Parallel()
	life := newLife(t)
	reg := registry(life, metrics.Options{Buckets: []time.Duration{time.Minute, time.Hour}})
	if err := life.Background().Go(t.Context(), "task", func(context.Context) {}); err != nil {
		t.Fatal(err)
	}
	if err := life.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	histograms := 0
	for _, f := range families {
		h := f.GetMetric()[0].GetHistogram()
		if h == nil {
			continue
		}
		histograms++
		if got := h.GetBucket(); len(got) != 2 || got[0].GetUpperBound() != 60 || got[1].GetUpperBound() != 3600 {
			t.Errorf("%s has classic buckets %v, want 60 and 3600", f.GetName(), got)
		}
		if h.Schema == nil || h.GetSchema() != 3 { // 8 buckets for each power of two
			t.Errorf("%s has schema %v, want native buckets of schema 3", f.GetName(), h.Schema)
		}
		if f.GetName() == "lastbyte_task_seconds" && len(h.GetPositiveDelta())+int(h.GetZeroCount()) == 0 {
			t.Errorf("%s has nothing in its native buckets, want the task", f.GetName())
		}
	}
	if histograms != 3 {
		t.Errorf("there are %d histograms, want 3", histograms)
	}
}

// Two Lifecycles fit into one registry if a label tells them apart.
func TestCollector_TwoLifecycles(t *testing.T) {
	t.Parallel()
	api, admin := newLife(t), newLife(t)
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(metrics.New(api, metrics.Options{ConstLabels: prometheus.Labels{"server": "api"}}))
	reg.MustRegister(metrics.New(admin, metrics.Options{ConstLabels: prometheus.Labels{"server": "admin"}}))
	if err := reg.Register(metrics.New(admin, metrics.Options{ConstLabels: prometheus.Labels{"server": "admin"}})); err == nil {
		t.Error("Register of a third with the labels of the second = nil, want an error")
	}
	serveAll(api, "/plain/1", "/exit/404")
	serveAll(admin, "/plain/1")
	found := scrape(t, reg)
	for series, want := range map[string]float64{
		`lastbyte_endings_total{ending="handler",server="api"}`:              1,
		`lastbyte_endings_total{ending="handler",server="admin"}`:            1,
		`lastbyte_endings_total{ending="exit",server="admin"}`:               0,
		`lastbyte_exits_total{code="404",route="/exit/{code}",server="api"}`: 1,
	} {
		if got, ok := found[series]; !ok || got != want {
			t.Errorf("%s = %v, %t, want %v", series, got, ok, want)
		}
	}
}

// After Close nothing is counted, what was stays, and a registry may take another.
func TestCollector_Close(t *testing.T) {
	t.Parallel()
	life := newLife(t)
	reg := prometheus.NewPedanticRegistry()
	c := metrics.New(life, metrics.Options{})
	reg.MustRegister(c)
	serveAll(life, "/plain/1")
	c.Close()
	c.Close()
	serveAll(life, "/plain/2", "/exit/404")
	const plain = `lastbyte_endings_total{ending="handler"}`
	if found := scrape(t, reg); found[plain] != 1 || sum(found, "lastbyte_exits_total") != 0 {
		t.Errorf("after Close: %v, want 1 plain ending and no exit", found)
	}
	if !reg.Unregister(c) {
		t.Error("Unregister() = false, want true")
	}
	reg.MustRegister(metrics.New(life, metrics.Options{}))
	serveAll(life, "/plain/3")
	if found := scrape(t, reg); found[plain] != 1 {
		t.Errorf("of the next Collector: %v, want 1, counted from its beginning", found)
	}
}

func TestNew_Panics(t *testing.T) {
	t.Parallel()
	life := newLife(t)
	tests := []struct {
		name string
		life *middleware.Lifecycle
		o    metrics.Options
		want string
	}{
		{"no Lifecycle", nil, metrics.Options{}, "got nil"},
		{"Routes", life, metrics.Options{Routes: -1}, "got Routes -1"},
		{"Buckets descend", life, metrics.Options{Buckets: []time.Duration{2, 1}}, "Buckets"},
		{"Buckets at zero", life, metrics.Options{Buckets: []time.Duration{0, 1}}, "Buckets"},
		{"own label", life, metrics.Options{ConstLabels: prometheus.Labels{"route": "x"}}, "ConstLabels"},
		{"le", life, metrics.Options{ConstLabels: prometheus.Labels{"le": "x"}}, "ConstLabels"},
		{"reserved label", life, metrics.Options{ConstLabels: prometheus.Labels{"__name__": "x"}}, "ConstLabels"},
		{"no UTF-8", life, metrics.Options{ConstLabels: prometheus.Labels{"server": "\xff"}}, "ConstLabels"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				got, _ := recover().(string)
				if !strings.HasPrefix(got, "metrics.New: ") || !strings.Contains(got, tt.want) {
					t.Errorf("New(%+v) panics with %q, want metrics.New: ... %s", tt.o, got, tt.want)
				}
			}()
			metrics.New(tt.life, tt.o)
		})
	}
}

// What the caller gave may be changed afterwards.
func TestNew_KeepsNoOptions(t *testing.T) {
	t.Parallel()
	life := newLife(t)
	labels, buckets := prometheus.Labels{"server": "api"}, []time.Duration{time.Second}
	reg := registry(life, metrics.Options{ConstLabels: labels, Buckets: buckets})
	labels["server"], labels["more"], buckets[0] = "changed", "x", time.Hour
	serveAll(life, "/exit/404")
	found := scrape(t, reg)
	if _, ok := found[`lastbyte_task_seconds_bucket{server="api",le="1"}`]; !ok || found[`lastbyte_exits_total{code="404",route="/exit/{code}",server="api"}`] != 1 {
		t.Errorf("scraped %v, want the options as they were", found)
	}
}

// Scrapes while requests end never have more aborts or exits than endings, and never less
// than before.
func TestCollector_Concurrent(t *testing.T) {
	t.Parallel()
	life := newLife(t)
	reg := registry(life, metrics.Options{})
	over := make(chan struct{})
	var scrapes, requests sync.WaitGroup
	scrapes.Go(func() {
		last := 0.0
		for {
			found := scrape(t, reg)
			ended, exits := sum(found, "lastbyte_endings_total"), sum(found, "lastbyte_exits_total")
			if exits > ended || ended < last {
				t.Errorf("%v exits of %v endings, after %v, want no more and no less", exits, ended, last)
			}
			last = ended
			select {
			case <-over:
				return
			default:
			}
		}
	})
	for range 4 {
		requests.Go(func() {
			for range 200 {
				serveAll(life, "/exit/404", "/plain/1", "/exit/500")
			}
		})
	}
	requests.Wait()
	close(over)
	scrapes.Wait()
	adds(t, life, scrape(t, reg))
}

// A plain ending allocates nothing for being counted.
func TestCollector_Allocations(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector has pools throw things away at random")
	}
	without, with := newLife(t), newLife(t)
	metrics.New(with, metrics.Options{})
	cost := func(life *middleware.Lifecycle) float64 {
		h := life.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		return testing.AllocsPerRun(500, func() { h.ServeHTTP(w, r) })
	}
	if a, b := cost(without), cost(with); b > a {
		t.Errorf("a request takes %v allocations, and %v with a Collector, want no more", a, b)
	}
}
