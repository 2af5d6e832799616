package metrics_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/metrics"
	"github.com/lastbyte-go/lastbyte/middleware"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// mount is a way to put a Lifecycle around a handler.
type mount struct {
	name string
	wrap func(*middleware.Lifecycle, http.Handler) http.Handler
}

var mounts = []mount{
	{"Handler", (*middleware.Lifecycle).Handler},
	{"Detach", (*middleware.Lifecycle).Detach},
}

// each runs body for every mount and protocol, in bubbles.
func each(t *testing.T, body func(t *testing.T, p pipenet.Proto, m mount)) {
	t.Helper()
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) { body(t, p, m) })
		})
	}
}

// newLife makes a Lifecycle that is shut down at the test's end.
func newLife(t *testing.T) *middleware.Lifecycle {
	t.Helper()
	life := middleware.New(middleware.Options{Background: eof.Options{OnPanic: func(any, []byte) {}}})
	t.Cleanup(func() {
		if err := life.Shutdown(context.Background()); err != nil { // t.Context has ended
			t.Errorf("Shutdown() = %v, want nil", err)
		}
	})
	return life
}

// registry has a new Collector of life.
func registry(life *middleware.Lifecycle, o metrics.Options) *prometheus.Registry {
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(metrics.New(life, o))
	return reg
}

// scrape gives what a scrape has, each series as in the text format.
func scrape(t *testing.T, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(g, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("scrape = %d %s, want 200", w.Code, w.Body)
	}
	found := map[string]float64{}
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.TrimSpace(line)
		at := strings.LastIndex(line, " ")
		n, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		found[line[:at]] = n
	}
	return found
}

// sum adds up the series of a metric.
func sum(found map[string]float64, name string) (n float64) {
	for series, value := range found {
		if of, _, _ := strings.Cut(series, "{"); of == name {
			n += value
		}
	}
	return n
}

// wantSeries checks some series, 0 where there is none, once the bubble is at rest.
func wantSeries(t *testing.T, g prometheus.Gatherer, want map[string]float64) {
	t.Helper()
	synctest.Wait()
	found := scrape(t, g)
	for series, n := range want {
		if found[series] != n {
			t.Errorf("%s = %v, want %v", series, found[series], n)
		}
	}
	if t.Failed() {
		maps.DeleteFunc(found, func(series string, n float64) bool { return n == 0 || strings.Contains(series, "_bucket{") })
		t.Logf("scraped: %v", found)
	}
}
