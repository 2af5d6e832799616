package main

import (
	"io"
	"log"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/bench/rows"

	"github.com/felixge/httpsnoop"
	"github.com/gin-gonic/gin"
	chimw "github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/httplog/v3"
	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"
	"github.com/rs/zerolog/hlog"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// handlers gives all rows around h: lastbyte's, and those of others behind chi's. Lines
// of logs go to out.
func handlers(h http.HandlerFunc, out io.Writer) (list []rows.Row, drain func() error) {
	list, drain = rows.Handlers(h, out)
	at := slices.IndexFunc(list, func(row rows.Row) bool { return row.Name == "Check" })
	return slices.Insert(list, at, others(h, out)...), drain
}

func others(h http.HandlerFunc, out io.Writer) []rows.Row {
	slogger := slog.New(slog.NewJSONHandler(out, nil))
	chiLog := chimw.RequestLogger(&chimw.DefaultLogFormatter{Logger: log.New(out, "", log.LstdFlags), NoColor: true})
	return []rows.Row{
		{Name: "httpsnoop", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			httpsnoop.CaptureMetrics(h, w, r)
		})},
		{Name: "chiLogger", Handler: chiLog(h)},
		{Name: "hlog", Handler: withHlog(h, out)},
		{Name: "httplog", Handler: httplog.RequestLogger(slogger, &httplog.Options{Schema: httplog.SchemaECS})(h)},
		{Name: "promhttp", Handler: withProm(h)},
		{Name: "otelhttp", Handler: otelhttp.NewHandler(h, "bench", otelhttp.WithTracerProvider(sdk.NewTracerProvider()))},
		{Name: "gin", Handler: withGin(h, nil)},
		{Name: "ginLogger", Handler: withGin(h, out)},
		{Name: "echo", Handler: withEcho(h, nil)},
		{Name: "echoLogger", Handler: withEcho(h, out)},
	}
}

// withHlog logs what zerolog's documentation shows: a logger in the context, and a line.
func withHlog(h http.Handler, out io.Writer) http.Handler {
	h = hlog.AccessHandler(func(r *http.Request, status, size int, took time.Duration) {
		hlog.FromRequest(r).Info().Str("method", r.Method).Stringer("url", r.URL).
			Int("status", status).Int("size", size).Dur("duration", took).Send()
	})(h)
	return hlog.NewHandler(zerolog.New(out).With().Timestamp().Logger())(h)
}

// withProm counts and times requests by code and method.
func withProm(h http.Handler) http.Handler {
	labels := []string{"code", "method"}
	count := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests_total"}, labels)
	took := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "seconds"}, labels)
	return promhttp.InstrumentHandlerCounter(count, promhttp.InstrumentHandlerDuration(took, h))
}

// withGin is gin's router with a route; with its Logger if there is an out.
func withGin(h http.HandlerFunc, out io.Writer) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	g := gin.New()
	if out != nil {
		g.Use(gin.LoggerWithWriter(out))
	}
	g.GET("/", gin.WrapF(h))
	return g
}

// withEcho is echo's router with a route; with its Logger if there is an out.
func withEcho(h http.HandlerFunc, out io.Writer) http.Handler {
	e := echo.New()
	if out != nil {
		e.Use(echomw.LoggerWithConfig(echomw.LoggerConfig{Output: out}))
	}
	e.GET("/", echo.WrapHandler(h))
	return e
}
