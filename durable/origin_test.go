//go:build unix

package durable_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel/trace"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/durable"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// seen is what a job knows of where it comes from.
type seen struct {
	id    string
	trace trace.SpanContext
}

// looking works on tasks by telling what they know; one whose N is positive makes another.
func looking(e **durable.Engine, what chan<- seen) func(context.Context, *river.Job[task]) error {
	return func(ctx context.Context, job *river.Job[task]) error {
		if job.Args.N > 0 {
			_, err := (*e).Insert(ctx, task{job.Args.N - 1}, nil)
			return err
		}
		what <- seen{chimiddleware.GetReqID(ctx), trace.SpanContextFromContext(ctx)}
		return nil
	}
}

func TestD6_TravelsWithTheJob(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		log, what := &records{}, make(chan seen, 1)
		var e *durable.Engine
		e = begin(t, url, config(log, looking(&e, what)))
		span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
		// One task makes the next, so that the second knows of the request as well.
		insert := func(ctx context.Context) error {
			middleware.SetAttrs(ctx, slog.String("tenant", "acme"), slog.Int("rows", 7),
				slog.Duration("budget", time.Second), slog.Group("user", slog.String("name", "Ada")))
			ctx = trace.ContextWithSpanContext(ctx, span)
			_, err := e.Insert(ctx, task{1}, nil)
			return err
		}
		r := chi.NewRouter()
		r.Use(chimiddleware.RequestID)
		life := middleware.New(middleware.Options{})
		r.With(life.Handler).Method("POST", "/handler", exitcode.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			return insert(r.Context())
		}))
		r.With(life.Detach).Method("POST", "/sent", exitcode.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			if err := eof.Send(r.Context()); err != nil {
				return err
			}
			return insert(r.Context())
		}))
		failed := make(chan error, 1)
		r.With(life.Handler).Method("POST", "/deferred", exitcode.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			return eof.Defer(r.Context(), func(ctx context.Context) { failed <- insert(ctx) })
		}))
		for _, p := range []aborttest.Protocol{aborttest.HTTP1, aborttest.HTTP2} {
			c := aborttest.ServerWith(t, aborttest.Options{Protocols: []aborttest.Protocol{p}, Lifecycle: life}, r)
			for _, path := range []string{"/handler", "/sent", "/deferred"} {
				req := c.NewRequest("POST", path, nil)
				req.Header.Set("X-Request-Id", string(p)+path)
				if res := c.Do(req).Response(); res.Status != 200 {
					t.Fatalf("POST %s = %d %q", path, res.Status, res.Body)
				}
				s := testkit.Await(t, what, "the task of "+path)
				if path == "/deferred" {
					if err := testkit.Await(t, failed, "the deferred task"); err != nil {
						t.Errorf("Insert in a deferred task: %v", err)
					}
				}
				if s.id != string(p)+path || s.trace.TraceID() != span.TraceID() || !s.trace.IsRemote() {
					t.Errorf("%s: the task knows of %+v", path, s)
				}
			}
		}
		for _, want := range []string{"kind=task job_id=", " queue=default", " request_id=http1/handler", " attempt=1", " duration_ms=", " waited_ms=", " tenant=acme", " rows=7", " budget=1s", " user=map[name:Ada]"} {
			if len(log.with(want)) == 0 {
				t.Errorf("no line of the log has %q", want)
			}
		}
	})
}

// What a request id is, and what it looks like, is the client's choice.
func TestD6_HostileID(t *testing.T) {
	e := open(t, file(t), config(&records{}, nothing))
	h := exitcode.Handler(func(_ http.ResponseWriter, r *http.Request) error {
		_, err := e.Insert(r.Context(), task{}, nil)
		return err
	})
	c := aborttest.Server(t, h)
	req := c.NewRequest("POST", "/", nil)
	req.Header.Set("X-Request-Id", `"},"x":{"`+strings.Repeat("a", 1000)+"\xff")
	if res := c.Do(req).Response(); res.Status != 200 {
		t.Fatalf("POST = %d %q", res.Status, res.Body)
	}
	var metadata []byte
	if err := e.DB.QueryRowContext(t.Context(), "SELECT json(metadata) FROM river_job").Scan(&metadata); err != nil {
		t.Fatal(err)
	}
	var m struct {
		Lastbyte struct {
			ID string `json:"request_id"`
		}
		X any
	}
	if err := json.Unmarshal(metadata, &m); err != nil || m.X != nil || len(m.Lastbyte.ID) != 128 {
		t.Errorf("the metadata is %s, %v, want an id of 128 bytes", metadata, err)
	}
}

// What SetAttrs has said may be a client's words, or a value whose methods panic. It fails no
// insertion.
func TestD6_HostileAttributes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		log := &records{}
		e := begin(t, url, config(log, nothing))
		done, stop := e.Subscribe(river.EventKindJobCompleted)
		defer stop()
		cases := []struct {
			attr slog.Attr
			want string // on the line of the log
		}{
			{slog.String("zero", "a\x00\\u0000\\\x00b"), " zero=a\uFFFD\\u0000\\\uFFFDb"},
			{slog.String("in\x00key", "a"), " in\uFFFDkey=a"},
			{slog.Any("deep", struct{ A string }{"\x00"}), " deep=map[A:\uFFFD]"},
			{slog.String("bytes", "a\xffb"), " bytes=a\uFFFDb"},
			{slog.Any("error", (*deaf)(nil)), " error=<nil>"},
			{slog.Any("json", deaf{}), " json={0}"},
			{slog.Any("func", func() {}), " func=0x"},
			{slog.String("long", strings.Repeat("x", 1<<13)), " long=" + strings.Repeat("x", 1024) + "…"},
			{slog.Any("list", make([]int, 1<<11)), " list=[" + strings.Repeat("0,", 511) + "0…"},
		}
		c := aborttest.Server(t, exitcode.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			n, err := strconv.Atoi(r.URL.Path[1:])
			if err == nil {
				middleware.SetAttrs(r.Context(), cases[n].attr)
				_, err = e.Insert(r.Context(), task{}, nil)
			}
			return err
		}))
		for n, tc := range cases {
			if res := c.Post("/"+strconv.Itoa(n), "", nil).Response(); res.Status != 200 {
				t.Errorf("%s: the status is %d, want 200", tc.attr.Key, res.Status)
				continue
			}
			testkit.Await(t, done, "the task")
			if lines := log.with(tc.want); len(lines) != 1 || len(lines[0]) > 2000 {
				t.Errorf("%s: the log has %d lines with it, want 1 that is short", tc.attr.Key, len(lines))
			}
		}
	})
}

// deaf has methods that panic.
type deaf struct{ n int }

func (d *deaf) Error() string             { return string(rune(d.n)) }
func (deaf) MarshalJSON() ([]byte, error) { panic("hostile") }

func TestD6_LogLines(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(context.Context, *river.Job[task]) error
		want string
	}{
		{"done", nothing, "INFO job kind=task job_id=1 queue=default attempt=1 duration_ms="},
		{"failed", func(context.Context, *river.Job[task]) error { return errors.New("no luck") }, "ERROR job kind=task job_id=1 queue=default attempt=1"},
		{"panicked", func(context.Context, *river.Job[task]) error { panic("oh") }, "panicked=true"},
		{"snoozed", func(context.Context, *river.Job[task]) error { return river.JobSnooze(time.Hour) }, "ended=snoozed"},
		{"cancelled", func(context.Context, *river.Job[task]) error { return river.JobCancel(errors.New("no")) }, "ended=cancelled"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			log := &records{}
			e := begin(t, file(t), config(log, tc.do))
			done, stop := e.Subscribe(river.EventKindJobCompleted, river.EventKindJobFailed, river.EventKindJobSnoozed, river.EventKindJobCancelled)
			defer stop()
			insert(t, e)
			testkit.Await(t, done, "the task")
			if lines := log.with(" job kind=task"); len(lines) != 1 || !strings.Contains(lines[0], tc.want) {
				t.Errorf("the log has %q, want one line with %q", lines, tc.want)
			}
		})
	}
}

// A logger that panics fails no job.
func TestD6_LoggerPanics(t *testing.T) {
	c := config(&records{}, nothing)
	c.Logger = slog.New(&hostile{})
	e := begin(t, file(t), c)
	done, stop := e.Subscribe(river.EventKindJobCompleted, river.EventKindJobFailed)
	defer stop()
	insert(t, e)
	if ev := testkit.Await(t, done, "the task"); ev.Kind != river.EventKindJobCompleted {
		t.Errorf("the task is %s, %v, want completed", ev.Kind, ev.Job.Errors)
	}
}

// hostile panics at the lines of jobs.
type hostile struct{ records }

func (h *hostile) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h *hostile) Handle(ctx context.Context, l slog.Record) error {
	if l.Message == "job" {
		panic("hostile")
	}
	return h.records.Handle(ctx, l)
}

// The user's own plugins stay, and what is wrong with metadata is for River to say.
func TestD6_OwnPlugins(t *testing.T) {
	c := config(&records{}, nothing)
	p := &counting{}
	c.Plugins = append(make([]rivertype.Plugin, 0, 8), p)
	e := open(t, file(t), c)
	ctx := context.WithValue(t.Context(), chimiddleware.RequestIDKey, "7")
	if _, err := e.Insert(ctx, task{}, &river.InsertOpts{Metadata: []byte(`[1]`)}); asError(err) != nil {
		t.Errorf("Insert with metadata that is no object = %v, want no fault of the database", err)
	}
	job, err := e.Insert(ctx, task{}, &river.InsertOpts{Metadata: []byte(`{"mine": [1, 2]}`)})
	if err != nil || !strings.Contains(string(job.Job.Metadata), `"mine"`) || !strings.Contains(string(job.Job.Metadata), `"request_id"`) {
		t.Errorf("Insert = %+v, %v, want the user's metadata and the id", job, err)
	}
	if p.n != 2 || len(c.Plugins) != 1 || c.Plugins[:2][1] != nil {
		t.Errorf("the plugin was called %d times, want twice, and Plugins = %v as they were", p.n, c.Plugins[:2])
	}
}

type counting struct {
	river.PluginDefaults
	n int
}

func (c *counting) InsertMany(ctx context.Context, _ []*rivertype.JobInsertParams, inner func(context.Context) ([]*rivertype.JobInsertResult, error)) ([]*rivertype.JobInsertResult, error) {
	c.n++
	return inner(ctx)
}
