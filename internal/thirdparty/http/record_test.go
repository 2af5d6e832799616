package thirdparty_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	chi "github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/httplog/v3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog/hlog"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// note is what a neighbour writes down about a request.
type note struct {
	status int
	bytes  int64
}

// recorder is a neighbour that takes notes. It may stand around a handler that
// panics; then it need not take any.
type recorder struct {
	name string
	put  func(notes chan<- note) around
}

var recorders = []recorder{
	{"hlog.AccessHandler", func(notes chan<- note) around {
		return hlog.AccessHandler(func(_ *http.Request, status, size int, _ time.Duration) { notes <- note{status, int64(size)} })
	}},
	{"chi Logger", func(notes chan<- note) around { return chi.RequestLogger(chiLog(notes)) }},
	{"httplog", func(notes chan<- note) around {
		return httplog.RequestLogger(slog.New(slog.NewJSONHandler(slogLines(notes), nil)), &httplog.Options{Schema: httplog.SchemaECS})
	}},
	{"otelhttp", func(notes chan<- note) around {
		p := trace.NewTracerProvider(trace.WithSyncer(&spans{notes: notes}))
		return func(next http.Handler) http.Handler {
			return otelhttp.NewHandler(next, "test", otelhttp.WithTracerProvider(p))
		}
	}},
	{"promhttp", func(notes chan<- note) around {
		return func(next http.Handler) http.Handler { return counted(notes, next) }
	}},
}

type chiLog chan<- note

func (l chiLog) NewLogEntry(*http.Request) chi.LogEntry { return l }
func (l chiLog) Panic(any, []byte)                      {}
func (l chiLog) Write(status, bytes int, _ http.Header, _ time.Duration, _ any) {
	l <- note{status, int64(bytes)}
}

type slogLines chan<- note

func (l slogLines) Write(p []byte) (int, error) {
	var line struct {
		Status int   `json:"http.response.status_code"`
		Bytes  int64 `json:"http.response.body.bytes"`
	}
	err := json.Unmarshal(p, &line)
	l <- note{line.Status, line.Bytes}
	return len(p), err
}

// spans takes notes of spans.
type spans struct {
	tracetest.NoopExporter
	notes chan<- note
}

func (s *spans) ExportSpans(_ context.Context, all []trace.ReadOnlySpan) error {
	for _, span := range all {
		var n note
		for _, a := range span.Attributes() {
			switch a.Key {
			case "http.response.status_code":
				n.status = int(a.Value.AsInt64())
			case "http.response.body.size":
				n.bytes = a.Value.AsInt64()
			}
		}
		s.notes <- n
	}
	return nil
}

// counted has the metrics of one request read when it is over.
func counted(notes chan<- note, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reg := prometheus.NewRegistry()
		sizes := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "sizes"}, []string{"code"})
		reg.MustRegister(sizes)
		promhttp.InstrumentHandlerResponseSize(sizes, next).ServeHTTP(w, r)
		families, err := reg.Gather()
		if err != nil || len(families) != 1 || len(families[0].GetMetric()) != 1 {
			notes <- note{-1, int64(len(families))}
			return
		}
		m := families[0].GetMetric()[0]
		code, _ := strconv.Atoi(m.GetLabel()[0].GetValue())
		notes <- note{code, int64(m.GetHistogram().GetSampleSum())}
	})
}

// ending is a way for a request to end, and what everybody then knows of it.
type ending struct {
	name   string
	do     func(w http.ResponseWriter, r *http.Request)
	leave  bool // the client does, when the handler is at work
	sends  bool // under Detach alone; the handler works on
	client note // what it gets; cut: and no more
	cut    bool
	out    note // of a neighbour outside
	in     note // inside; zero: as of a handler that says nothing
	status int  // the Outcome's
}

var endings = []ending{
	{name: "answer", do: hello, client: note{200, 5}, out: note{200, 5}, in: note{200, 5}, status: 200},
	{name: "status", do: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404); hello(w, r) },
		client: note{404, 5}, out: note{404, 5}, in: note{404, 5}, status: 404},
	{name: "exit 404", do: exits(404), client: note{404, 14}, out: note{404, 14}, status: 404},
	{name: "exit 204", do: exits(204), client: note{204, 0}, out: note{204, 0}, status: 204},
	{name: "exit 444", do: exits(444), out: note{444, 0}, status: 444},
	{name: "exit 499", do: exits(499), out: note{499, 0}, status: 499},
	{name: "exit 408", do: exits(408), out: note{408, 0}, status: 408},
	{name: "exit 503 too late", do: func(w http.ResponseWriter, r *http.Request) { hello(w, r); _ = flush(w); exits(503)(w, r) },
		client: note{200, 5}, out: note{200, 5}, in: note{200, 5}, status: 200},
	{name: "exit 444 too late", do: func(w http.ResponseWriter, r *http.Request) { hello(w, r); _ = flush(w); exits(444)(w, r) },
		client: note{200, 5}, cut: true, out: note{200, 5}, in: note{200, 5}, status: 200},
	{name: "client leaves", do: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		leave: true, out: note{499, 0}, status: 499},
	{name: "client leaves, handler answers", do: func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done(); http.Error(w, "502", 502) },
		leave: true, out: note{499, 0}, in: note{502, 0}, status: 499},
	{name: "Send", do: func(w http.ResponseWriter, r *http.Request) { hello(w, r); _ = eof.Send(r.Context()) },
		sends: true, client: note{200, 5}, out: note{200, 5}, in: note{200, 5}, status: 200},
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

func exits(code exitcode.Code) func(http.ResponseWriter, *http.Request) {
	return func(_ http.ResponseWriter, r *http.Request) { _ = exitcode.Exit(r.Context(), code) }
}

// silence is what n notes of a handler that says nothing.
func (n recorder) silence(t *testing.T) note {
	t.Helper()
	notes := make(chan note, 1)
	n.put(notes)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	return take(t, notes, "note of an empty response")
}

// TestRecorders: who stands outside records what lastbyte does, and who stands
// inside what the handler does.
func TestRecorders(t *testing.T) {
	for _, n := range recorders {
		for _, e := range endings {
			t.Run(n.name+"/"+e.name, func(t *testing.T) {
				each(t, func(t *testing.T, p pipenet.Proto, at place) {
					if at.detach || !e.sends {
						e.check(t, p, at, n)
					}
				})
			})
		}
	}
}

func (e ending) check(t *testing.T, p pipenet.Proto, at place, n recorder) {
	want := e.out
	if at.inside {
		if want = e.in; want == (note{}) {
			want = n.silence(t)
		}
	}
	notes, begun, resume := make(chan note, 4), make(chan struct{}), make(chan struct{})
	s := start(t, p, at, n.put(notes), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		e.do(w, r)
		if e.sends {
			<-resume
			hello(w, r)
		}
	}))
	call := s.Begin(s.NewRequest("GET", "/", nil))
	<-begun
	if e.leave {
		call.Cancel()
	}
	a := read(call.Wait())
	if (note{a.status, int64(len(a.body))}) != e.client || (a.err != nil) != (e.cut || e.client.status == 0) {
		t.Errorf("answer = %d %q, %v, want %+v", a.status, a.body, a.err, e.client)
	}
	if at.inside {
		close(resume)
	}
	if got := take(t, notes, n.name); got != want {
		t.Errorf("%s noted %+v, want %+v", n.name, got, want)
	}
	if !at.inside {
		close(resume)
	}
	if o := take(t, s.ended, "OnEnd"); o.Status != e.status || (o.Abort != nil) != e.leave {
		t.Errorf("Outcome = %+v, want status %d, abort %t", o, e.status, e.leave)
	}
	none(t, notes, n.name+", again")
}
