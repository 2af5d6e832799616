// Command openresty has the experiments of OpenResty's documents on ngx.on_abort, ngx.exit
// and ngx.eof as one Go program. docs/from-openresty.md shows it and what each of them prints.
package main

import (
	"context"
	"crypto/sha1" // of RFC 6455
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func main() {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	life := middleware.New(middleware.Options{Slog: logger})
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	srv := &http.Server{Addr: "localhost:8080", Handler: routes(life, logger)}
	if err := life.ListenAndServe(ctx, srv); err != nil {
		log.Fatal(err)
	}
}

func routes(life *middleware.Lifecycle, logger *slog.Logger) http.Handler {
	e := experiments{logger}
	r := chi.NewRouter()
	r.Use(life.Handler) // lua_check_client_abort on
	r.Get("/test_http", e.testHTTP)
	r.Get("/test_websocket", e.testWebSocket)
	r.Get("/cleanup", e.cleanup)
	r.Get("/test", e.test)
	r.Get("/501", func(_ http.ResponseWriter, r *http.Request) { _ = exitcode.Exit(r.Context(), 501) })
	r.With(exitcode.Phase(e.access)).Get("/private", e.private)
	r.With(life.Detach).Get("/async", e.async)
	r.Get("/timer", e.timer)
	return r
}

type experiments struct{ log *slog.Logger }

// ngx.on_abort, and a client that leaves while the handler sleeps.
func (e experiments) testHTTP(w http.ResponseWriter, r *http.Request) {
	err := abort.On(r.Context(), func(context.Context) { e.log.Error("abort") })
	if err != nil {
		exitcode.Throw(r.Context(), 500)
	}
	sleep(r.Context(), 100*time.Second)
}

// The same for a WebSocket, where ngx.on_abort does not fire.
func (e experiments) testWebSocket(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	_ = abort.On(ctx, func(context.Context) { e.log.Error("abort") })
	c, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		exitcode.Throw(ctx, 505) // HTTP/2
	}
	defer func() { _ = c.Close() }()
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, _ = fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
	_, err = io.Copy(io.Discard, buf) // a library reads frames here
	if err == nil {
		err = io.EOF // the connection has ended between two frames
	}
	e.log.Error("websocket", "err", abort.Wrap(ctx, err))
}

// The callback of the reference, with ngx.exit(499) in it.
func (e experiments) cleanup(w http.ResponseWriter, r *http.Request) {
	err := abort.On(r.Context(), func(ctx context.Context) {
		_ = exitcode.Exit(ctx, 499) // first: it ends the query that a rollback would wait for
		e.log.Info("cleaned up")
	})
	if err != nil {
		e.log.Error("failed to register the callback", "err", err)
		exitcode.Throw(r.Context(), 500)
	}
	sleep(r.Context(), 100*time.Second)
}

// A page with contents of its own.
func (e experiments) test(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusGone)
	_, _ = fmt.Fprintln(w, "This is our own content")
	_ = exitcode.Exit(r.Context(), 200) // the whole request ends, not this phase
}

// access_by_lua: 0 goes on with the next phase, 403 stops.
func (e experiments) access(w http.ResponseWriter, r *http.Request) exitcode.Code {
	if r.URL.Query().Get("user") == "bob" {
		return exitcode.OK
	}
	return 403
}

// content_by_lua.
func (e experiments) private(w http.ResponseWriter, r *http.Request) {
	_, _ = fmt.Fprintln(w, "hello, bob")
}

// ngx.eof: the client has all of its response, and the work goes on.
func (e experiments) async(w http.ResponseWriter, r *http.Request) {
	_, _ = fmt.Fprintln(w, "got the task!")
	if err := eof.Send(r.Context()); err != nil {
		return // nobody has the answer
	}
	sleep(r.Context(), 3*time.Second) // access MySQL, PostgreSQL, Redis, ...
	e.log.Info("the task is done")
}

// ngx.timer.at, which the reference advises instead.
func (e experiments) timer(w http.ResponseWriter, r *http.Request) {
	err := eof.After(r.Context(), 3*time.Second, func(ctx context.Context) {
		e.log.Info("timer", "premature", eof.Premature(ctx))
	})
	if err != nil { // too many are pending, or the server shuts down
		exitcode.Throw(r.Context(), 503)
	}
	_, _ = fmt.Fprintln(w, "a timer is set")
}

// sleep is ngx.sleep, which ends early if the request does.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
