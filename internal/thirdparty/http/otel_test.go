package thirdparty_test

import (
	"context"
	"net/http"
	"net/http/httputil"
	"net/url"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// tracing tells otelhttp's span of a client that left, and of the route, as docs/metrics.md
// has it.
func tracing(r *http.Request, o middleware.Outcome) {
	span := oteltrace.SpanFromContext(r.Context())
	if left := o.Abort; left != nil {
		span.SetAttributes(
			attribute.String("error.type", "client_aborted"),
			attribute.String("lastbyte.abort.reason", string(left.Reason)),
		)
	}
	if route := middleware.Route(r); route != "" {
		span.SetAttributes(attribute.String("http.route", route))
	}
}

// The handlers that clients leave.
var leaving = map[string]http.Handler{
	"returns": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
	"exits": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		_ = exitcode.Exit(r.Context(), 500)
	}),
	"proxy": &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(&url.URL{Scheme: "http", Host: "backend.example"}) },
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}),
	},
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The span of a request whose client left has its reason, and the status 499, whatever the
// handler does; that of one whose client stayed has neither.
func TestOpenTelemetry_ClientAborted(t *testing.T) {
	for name, h := range leaving {
		t.Run(name, func(t *testing.T) {
			for _, ours := range []struct {
				name string
				wrap func(*middleware.Lifecycle, http.Handler) http.Handler
			}{{"Handler", (*middleware.Lifecycle).Handler}, {"Detach", (*middleware.Lifecycle).Detach}} {
				t.Run(ours.name, func(t *testing.T) {
					pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
						life := middleware.New(middleware.Options{OnEnd: tracing})
						t.Cleanup(func() {
							if err := life.Shutdown(context.Background()); err != nil { // t.Context has ended
								t.Errorf("Shutdown() = %v, want nil", err)
							}
						})
						mux := http.NewServeMux()
						mux.Handle("GET /left/{id}", h)
						mux.HandleFunc("GET /stayed", hello)
						spans := tracetest.NewInMemoryExporter()
						provider := trace.NewTracerProvider(trace.WithSyncer(spans))
						s := pipenet.Start(t, p, otelhttp.NewHandler(ours.wrap(life, mux), "test", otelhttp.WithTracerProvider(provider)), life.Attach)
						call := s.Begin(s.NewRequest("GET", "/left/7", nil))
						synctest.Wait()
						call.Cancel()
						synctest.Wait()
						read(s.Get("/stayed")).is(t, "of the client that stays", 200, "hello")
						synctest.Wait()
						wantSpan(t, spans, 0, map[attribute.Key]string{
							"error.type": "client_aborted", "lastbyte.abort.reason": "unverified", // there is no socket
							"http.route": "/left/{id}", "http.response.status_code": "499",
						})
						wantSpan(t, spans, 1, map[attribute.Key]string{
							"error.type": "", "lastbyte.abort.reason": "",
							"http.route": "/stayed", "http.response.status_code": "200",
						})
					})
				})
			}
		})
	}
}

// wantSpan checks attributes of the n-th span; "": it has none of that name.
func wantSpan(t *testing.T, spans *tracetest.InMemoryExporter, n int, want map[attribute.Key]string) {
	t.Helper()
	all := spans.GetSpans()
	if len(all) <= n {
		t.Fatalf("there are %d spans, want %d", len(all), n+1)
	}
	set := attribute.NewSet(all[n].Attributes...)
	for key, want := range want {
		v, _ := set.Value(key)
		if got := v.Emit(); v.Type() == attribute.INVALID && want != "" || v.Type() != attribute.INVALID && got != want {
			t.Errorf("span %d has %s=%q, want %q", n, key, got, want)
		}
	}
}
