// Package main is a server with metrics of how its requests end, for Prometheus to scrape.
//
//	cd metrics && go run ./example
//	curl localhost:8080/exit/404; curl -d x localhost:8080/tasks; curl --max-time 1 localhost:8080/report
//	curl -s localhost:8080/metrics | grep ^lastbyte
//
// It also has what promhttp measures, and the board at /debug/requests.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/lastbyte-go/lastbyte/board"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/metrics"
	"github.com/lastbyte-go/lastbyte/middleware"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "`address` to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	life := middleware.New(middleware.Options{Slog: slog.Default(), Grace: 10 * time.Second})
	srv := &http.Server{Addr: *addr, Handler: routes(life, 10*time.Second, 5*time.Second), ReadHeaderTimeout: 10 * time.Second}
	slog.Info("the metrics are at /metrics, the board is at /debug/requests", "addr", *addr)
	if err := life.ListenAndServe(ctx, srv); err != nil {
		slog.Error("the server has ended", "err", err)
		os.Exit(1)
	}
}

// routes gives the handlers. report is how long a report takes, work what comes after responses.
func routes(life *middleware.Lifecycle, report, work time.Duration) http.Handler {
	reg := prometheus.NewRegistry()
	reg.MustRegister(metrics.New(life, metrics.Options{}))
	// What others measure better. Outside of the Lifecycle it sees 444 and 499, too.
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "http_request_duration_seconds", Help: "Time to serve requests.", NativeHistogramBucketFactor: 1.1,
	}, []string{"code", "method"})
	reg.MustRegister(seconds)

	r := chi.NewRouter()
	r.Method("GET", "/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	r.Handle("/debug/requests*", board.New(life))
	r.Group(func(r chi.Router) {
		r.Use(func(next http.Handler) http.Handler { return promhttp.InstrumentHandlerDuration(seconds, next) }, life.Handler)
		r.Get("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })
		r.HandleFunc("/exit/{code}", exit)
		r.Method("GET", "/report", exitcode.Handler(func(w http.ResponseWriter, r *http.Request) error {
			if err := sleep(r.Context(), report); err != nil {
				return err // a client that has left is a 499
			}
			_, err := fmt.Fprintln(w, "the report")
			return err
		}))
		r.With(life.Detach).Post("/tasks", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(w, "got the task!")
			if eof.Send(r.Context()) == nil {
				_ = sleep(r.Context(), work)
			}
		})
		r.Post("/mail", func(w http.ResponseWriter, r *http.Request) {
			if err := eof.Defer(r.Context(), func(ctx context.Context) { _ = sleep(ctx, work/10) }); err != nil {
				exitcode.Throw(r.Context(), http.StatusServiceUnavailable) // too many wait
			}
			w.WriteHeader(http.StatusAccepted)
		})
	})
	return r
}

// exit ends the request with the code of its path.
func exit(_ http.ResponseWriter, r *http.Request) {
	code, err := strconv.Atoi(chi.URLParam(r, "code"))
	if err == nil {
		err = exitcode.Exit(r.Context(), exitcode.Code(code))
	}
	if errors.Is(err, exitcode.ErrInvalidCode) || errors.Is(err, strconv.ErrSyntax) {
		exitcode.Throw(r.Context(), http.StatusBadRequest)
	}
}

// sleep stands for work that looks at its context.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
