package metrics

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/middleware"

	"github.com/prometheus/client_golang/prometheus"
)

// Options are the settings of a [Collector].
type Options struct {
	// ConstLabels are labels of every metric. Two Lifecycles in one registry need
	// different values for them. nil means none.
	ConstLabels prometheus.Labels

	// Buckets are the upper bounds of the classic buckets of the histograms,
	// ascending. nil means 15 of them, from 1 ms to 1 hour. The native buckets, each
	// 10 % wider than the one before, are there at any rate.
	Buckets []time.Duration

	// Routes is how many routes have a label value of their own. 0 means 500. Those
	// that come once there are so many share the value "other", as the codes of a route
	// do of which there are more than 32. A program that sets Request.Pattern to what
	// clients send has its series bounded by this alone.
	Routes int
}

// defaultBuckets are for what takes from milliseconds to an hour.
var defaultBuckets = [...]time.Duration{
	time.Millisecond, 5 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute,
	5 * time.Minute, 15 * time.Minute, time.Hour,
}

// variable are the label names of this package's metrics, and that of histograms.
var variable = [...]string{"code", "ending", "le", "reason", "result", "route", "stage"}

// Collector is a prometheus.Collector of what a Lifecycle observes. Make one with [New];
// the zero value is not usable. All its methods may be called from any goroutine.
type Collector struct {
	life *middleware.Lifecycle
	stop func()

	series  series
	endings [len(names)]prometheus.Counter // by middleware.Ending

	aborts, exits, ended *prometheus.CounterVec
	abort, detached      prometheus.Histogram
	task                 prometheus.Histogram

	running, pending, working, tasks, lost *prometheus.Desc // of Stats
}

// names has the endings.
var names = [...]middleware.Ending{
	middleware.ByHandler, middleware.ByExit, middleware.ByClient, middleware.BySend, middleware.ByPanic,
}

// New returns a Collector of life, which counts from now on until Close. Make it before
// the server serves, and its numbers are those of Lifecycle.Stats. It panics if life is nil, if
// Routes is negative, if a bucket is not above zero and the one before, or if ConstLabels has a
// name that cannot be a label or is one of the metrics' own.
//
// A request that ends without an exit and an abort costs one more atomic addition.
func New(life *middleware.Lifecycle, o Options) *Collector {
	switch {
	case life == nil:
		panic("metrics.New: no Lifecycle, got nil")
	case o.Routes < 0:
		panic(fmt.Sprintf("metrics.New: negative option, got Routes %d", o.Routes))
	}
	labels := maps.Clone(o.ConstLabels)
	probe := prometheus.NewDesc("lastbyte", "ConstLabels", variable[:], labels)
	if _, err := prometheus.NewConstMetric(probe, prometheus.UntypedValue, 0, make([]string, len(variable))...); err != nil {
		panic(fmt.Sprintf("metrics.New: ConstLabels %v: %v", labels, err))
	}
	buckets := seconds(o.Buckets)

	counter := func(name, help string, variable ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, variable)
	}
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: name, Help: help, ConstLabels: labels, Buckets: buckets,
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramZeroThreshold:    1e-6,
			NativeHistogramMaxZeroThreshold: 1e-3,
			NativeHistogramMaxBucketNumber:  160, // then the resolution is halved; no reset, which would lose counts
		})
	}
	desc := func(name, help string, variable ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, variable, labels)
	}
	c := &Collector{
		life:   life,
		series: newSeries(o.Routes),

		aborts: counter("lastbyte_aborts_total", "Requests whose client left before their response had ended.", "route", "reason", "stage"),
		exits:  counter("lastbyte_exits_total", "Requests that exited, by the code of the exit.", "route", "code"),
		ended:  counter("lastbyte_endings_total", "Responses that have ended, by who ended them: handler, exit, client, send or panic.", "ending"),

		abort:    histogram("lastbyte_abort_seconds", "Time from the start of a request until its client left."),
		detached: histogram("lastbyte_detached_seconds", "Time that handlers ran on after the end of their response."),
		task:     histogram("lastbyte_task_seconds", "Time that background tasks ran."),

		running: desc("lastbyte_background_running", "Background tasks that run now."),
		pending: desc("lastbyte_background_pending", "Background tasks that wait now."),
		working: desc("lastbyte_background_detached", "Handlers that run now after the end of their response."),
		tasks: desc("lastbyte_background_tasks_total", "Background work by what it came to: tasks and detached handlers that are done or panicked, "+
			"tasks that were rejected, requests that Detach refused.", "result"),
		lost: desc("lastbyte_shutdown_lost_total", "Background work that a forced shutdown gave up."),
	}
	for i, name := range names {
		c.endings[i] = c.ended.WithLabelValues(name.String())
	}
	c.stop = life.Observe(middleware.Observer{Want: c.want, OnEnd: c.onEnd, OnDone: c.onDone, OnTask: c.onTask})
	return c
}

// seconds gives buckets as Prometheus has them.
func seconds(buckets []time.Duration) (bounds []float64) {
	if buckets == nil {
		buckets = defaultBuckets[:]
	}
	last := time.Duration(0)
	for _, b := range buckets {
		if b <= last {
			panic(fmt.Sprintf("metrics.New: Buckets ascend from above zero, got %v", buckets))
		}
		last = b
		bounds = append(bounds, b.Seconds())
	}
	return bounds
}

// Close ends the counting. What was counted can still be collected; to have it forgotten,
// unregister the Collector as well. Close may be called twice.
func (c *Collector) Close() { c.stop() }

// want counts an ending, before onEnd counts what else there is; see Collect. Whatever
// has an exit or an abort is not the handler's.
func (c *Collector) want(by middleware.Ending, _ time.Duration) bool {
	c.endings[by].Inc()
	return by != middleware.ByHandler
}

func (c *Collector) onEnd(r *http.Request, o middleware.Outcome) {
	if o.Abort == nil && !o.Exited {
		return
	}
	route := middleware.Route(r)
	if o.Exited {
		route, code := c.series.exit(route, o.Exit)
		c.exits.WithLabelValues(route, code).Inc()
	}
	if a := o.Abort; a != nil {
		c.aborts.WithLabelValues(c.series.route(route), string(a.Reason), string(a.Stage)).Inc()
		c.abort.Observe(a.After.Seconds())
	}
}

func (c *Collector) onDone(_ *http.Request, o middleware.Outcome) {
	c.detached.Observe(max(o.Worked-o.Duration, 0).Seconds())
}

func (c *Collector) onTask(_ eof.Item, took time.Duration) { c.task.Observe(took.Seconds()) }

// Describe implements prometheus.Collector.
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, m := range c.counted() {
		m.Describe(to)
	}
	for d := range slices.Values([]*prometheus.Desc{c.running, c.pending, c.working, c.tasks, c.lost}) {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	// The counts of endings last, as they are made first: a scrape never has more aborts
	// than endings.
	for _, m := range c.counted() {
		m.Collect(to)
	}
	now := c.life.Stats().Background // of one moment
	gauge := func(d *prometheus.Desc, n int64) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n))
	}
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge(c.running, now.Running)
	gauge(c.pending, now.Pending)
	gauge(c.working, now.Detached)
	counter(c.tasks, now.Done, "done")
	counter(c.tasks, now.Panicked, "panicked")
	counter(c.tasks, now.Rejected, "rejected")
	counter(c.tasks, now.Refused, "refused")
	counter(c.lost, now.Lost)
}

// counted are the metrics that this package counts itself.
func (c *Collector) counted() []prometheus.Collector {
	return []prometheus.Collector{c.abort, c.aborts, c.exits, c.detached, c.task, c.ended}
}
