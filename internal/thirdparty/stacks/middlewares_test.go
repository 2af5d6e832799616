package thirdparty_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/NYTimes/gziphandler"
	"github.com/alexedwards/scs/v2"
	"github.com/felixge/httpsnoop"
	chi "github.com/go-chi/chi/v5/middleware"
	"github.com/gorilla/handlers"
	"github.com/gorilla/sessions"
	"github.com/justinas/nosurf"
	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/cors"
	"github.com/rs/zerolog/hlog"
	"github.com/unrolled/secure"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// around is a middleware.
type around = func(http.Handler) http.Handler

// notes are the statuses that a recorder has noted.
type notes struct {
	mu  sync.Mutex
	all []int
}

func (n *notes) add(status int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, status)
}

func (n *notes) last() (status, count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.all) == 0 {
		return 0, 0
	}
	return n.all[len(n.all)-1], len(n.all)
}

// neighbour is a middleware that users have in their stacks.
type neighbour struct {
	name    string
	put     func(*notes) around
	records bool     // it takes a note of each request's status
	sets    []string // headers that every response of a handler inside has
	early   bool     // it sets them before the handler runs
	hides   bool     // its writer has no Unwrap
	watches bool     // it throws away what it holds when the context ends
	holds   bool     // it may hold back what the handler has written, in spite of Flush, or change its length
}

func simply(w around) func(*notes) around { return func(*notes) around { return w } }

var neighbours = []neighbour{
	// Compressors.
	{name: "gorilla CompressHandler", put: simply(handlers.CompressHandler), holds: true},
	{name: "gzhttp", put: simply(func(next http.Handler) http.Handler { return gzhttp.GzipHandler(next) }), holds: true},
	{name: "NYTimes gziphandler", put: simply(gziphandler.GzipHandler), holds: true, hides: true},
	{name: "chi Compress", put: simply(chi.Compress(5)), holds: true},

	// Recorders.
	{name: "gorilla CombinedLoggingHandler", records: true, put: func(n *notes) around {
		return func(next http.Handler) http.Handler {
			return handlers.CustomLoggingHandler(io.Discard, next, func(_ io.Writer, p handlers.LogFormatterParams) { n.add(p.StatusCode) })
		}
	}},
	{name: "chi Logger", records: true, put: func(n *notes) around { return chi.RequestLogger((*chiLog)(n)) }},
	{name: "hlog.AccessHandler", records: true, put: func(n *notes) around {
		return hlog.AccessHandler(func(_ *http.Request, status, _ int, _ time.Duration) { n.add(status) })
	}},
	{name: "otelhttp", records: true, put: func(n *notes) around {
		p := trace.NewTracerProvider(trace.WithSyncer(&spans{notes: n}))
		return func(next http.Handler) http.Handler {
			return otelhttp.NewHandler(next, "test", otelhttp.WithTracerProvider(p))
		}
	}},
	{name: "promhttp", records: true, put: meter},
	{name: "httpsnoop", records: true, put: func(n *notes) around {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n.add(httpsnoop.CaptureMetrics(next, w, r).Code)
			})
		}
	}},

	// What sets headers: sessions, CORS, CSRF, security.
	{name: "scs", put: simply(withSCS), sets: []string{"Set-Cookie"}},
	{name: "gorilla sessions", put: simply(withGorillaSession), sets: []string{"Set-Cookie"}},
	{name: "rs/cors", put: simply(cors.AllowAll().Handler), sets: []string{"Access-Control-Allow-Origin"}, early: true},
	{name: "nosurf", put: simply(func(next http.Handler) http.Handler { return nosurf.New(next) }), sets: []string{"Set-Cookie", "Vary"}, early: true},
	{name: "secure", put: simply(secure.New(secure.Options{FrameDeny: true}).Handler), sets: []string{"X-Frame-Options"}, early: true},

	// Recoverers.
	{name: "gorilla RecoveryHandler", put: simply(handlers.RecoveryHandler(handlers.RecoveryLogger(log.New(io.Discard, "", 0))))},
	{name: "chi Recoverer", put: func(*notes) around {
		return func(next http.Handler) http.Handler { // the stack goes to the log entry
			return chi.RequestLogger((*chiLog)(new(notes)))(chi.Recoverer(next))
		}
	}},

	// Limiters.
	{name: "chi Timeout", put: simply(chi.Timeout(time.Hour))},
	{name: "chi Throttle", put: simply(chi.Throttle(10))},
	{name: "http.TimeoutHandler", holds: true, watches: true, hides: true, put: simply(func(next http.Handler) http.Handler {
		return http.TimeoutHandler(next, time.Hour, "")
	})},
	{name: "http.MaxBytesHandler", put: simply(func(next http.Handler) http.Handler { return http.MaxBytesHandler(next, 1<<20) })},
	{name: "chi RequestID, RealIP", put: simply(func(next http.Handler) http.Handler { return chi.RequestID(chi.RealIP(next)) })},
	{name: "chi StripSlashes, NoCache", put: simply(func(next http.Handler) http.Handler { return chi.StripSlashes(chi.NoCache(next)) })},
}

type chiLog notes

func (l *chiLog) NewLogEntry(*http.Request) chi.LogEntry { return l }
func (l *chiLog) Panic(any, []byte)                      {}
func (l *chiLog) Write(status, _ int, _ http.Header, _ time.Duration, _ any) {
	if status == 0 {
		status = 200 // chi's way to say that the handler has said nothing
	}
	(*notes)(l).add(status)
}

// spans takes notes of spans.
type spans struct {
	tracetest.NoopExporter
	notes *notes
}

func (s *spans) ExportSpans(_ context.Context, all []trace.ReadOnlySpan) error {
	for _, span := range all {
		status := 0
		for _, a := range span.Attributes() {
			if a.Key == "http.response.status_code" {
				status = int(a.Value.AsInt64())
			}
		}
		s.notes.add(status)
	}
	return nil
}

// meter reads the metrics of one request when it is over.
func meter(n *notes) around {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			reg := prometheus.NewRegistry()
			count := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests"}, []string{"code"})
			reg.MustRegister(count)
			promhttp.InstrumentHandlerCounter(count, next).ServeHTTP(w, r)
			families, err := reg.Gather()
			if err != nil || len(families) != 1 || len(families[0].GetMetric()) != 1 {
				n.add(-1)
				return
			}
			code, _ := strconv.Atoi(families[0].GetMetric()[0].GetLabel()[0].GetValue())
			n.add(code)
		})
	}
}

// withSCS has a session that every request changes.
func withSCS(next http.Handler) http.Handler {
	m := &scs.SessionManager{ // scs.New begins a goroutine that no bubble may have
		Lifetime:  24 * time.Hour,
		Store:     &scsStore{m: make(map[string][]byte)},
		Codec:     scs.GobCodec{},
		Cookie:    scs.SessionCookie{Name: "session", Path: "/"},
		ErrorFunc: func(w http.ResponseWriter, _ *http.Request, err error) { http.Error(w, err.Error(), 500) },
	}
	return m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.Put(r.Context(), "seen", true)
		next.ServeHTTP(w, r)
	}))
}

// scsStore is a store in memory.
type scsStore struct {
	mu sync.Mutex
	m  map[string][]byte
}

func (s *scsStore) Delete(token string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, token)
	return nil
}

func (s *scsStore) Find(token string) ([]byte, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.m[token]
	return b, ok, nil
}

func (s *scsStore) Commit(token string, b []byte, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[token] = b
	return nil
}

// withGorillaSession saves the session when the header goes out, or at the end,
// as its users do.
func withGorillaSession(next http.Handler) http.Handler {
	store := sessions.NewCookieStore([]byte("0123456789abcdef0123456789abcdef"))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, "session") // a new one where there is none
		session.Values["seen"] = true
		save := sync.OnceFunc(func() { _ = session.Save(r, w) })
		ww := httpsnoop.Wrap(w, httpsnoop.Hooks{
			WriteHeader: func(f httpsnoop.WriteHeaderFunc) httpsnoop.WriteHeaderFunc {
				return func(code int) { save(); f(code) }
			},
			Write: func(f httpsnoop.WriteFunc) httpsnoop.WriteFunc {
				return func(b []byte) (int, error) { save(); return f(b) }
			},
			Flush: func(f httpsnoop.FlushFunc) httpsnoop.FlushFunc {
				return func() { save(); f() }
			},
		})
		next.ServeHTTP(ww, r)
		save()
	})
}
