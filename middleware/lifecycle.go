// Package middleware combines abort, exitcode, eof and thread in one
// middleware, with a controller, an outcome and a log line for each request.
//
//	life := middleware.New(middleware.Options{Logger: log})
//
//	r := chi.NewRouter()
//	r.Use(life.Handler)
//	r.Get("/report", report)
//	r.With(life.Detach).Post("/tasks", tasks)
//
//	srv := &http.Server{Addr: ":8080", Handler: r}
//	life.Attach(srv)
//
// # Limits
//
// PathValues that are set inside are not visible outside, because a copy of the
// request is handed down. A ResponseWriter of an unknown type keeps only the
// optional interfaces that net/http defines, and Unwrap. http.MaxBytesReader
// cannot set Connection: close behind another writer than net/http's; lastbyte
// sets it on a 413. docs/transparency.md lists what else a handler can observe.
package middleware

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"sync/atomic"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/request"

	"github.com/rs/zerolog"
)

// Options are the settings of a [Lifecycle].
type Options struct {
	// Logger writes one line per request and one more when detached work ends.
	// It also writes problems during a request and after it at level error,
	// such as the panics of tasks and detached handlers, with their stacks.
	// Each line has method, path, route and request id. The zero value writes
	// nothing, and problems are logged by http.Server.ErrorLog. A panic of the
	// Logger is logged by the standard logger.
	Logger zerolog.Logger

	Abort      abort.Options
	Exit       exitcode.Options
	Background eof.Options

	// OnEnd is called after each response with its outcome, on the serving
	// goroutine, before net/http's last write of the response. nil means no
	// call. A panic of OnEnd has the effect of a panic of the handler.
	OnEnd func(Outcome)
}

// Lifecycle combines the middlewares of lastbyte. Make one with [New]; the zero
// value is not usable. All its methods may be called from any goroutine.
type Lifecycle struct {
	onEnd      func(Outcome)
	log        zerolog.Logger
	silent     bool
	background *eof.Background
	check      func(http.Handler) http.Handler
	exit       func(http.Handler) http.Handler // nil: no settings
	config     *request.Config
	servers    servers

	requests, ended, aborts, exits, eofs atomic.Uint64
}

// Stats are the counts of a [Lifecycle].
type Stats struct {
	// Now: requests that are being served.
	Active int64

	// In total: requests, and those of them that the client aborted, that
	// exited, and that eof.Send ended. Aborts, exits and EOFs are counted when
	// the response ends.
	Requests, Aborts, Exits, EOFs uint64

	Background eof.Stats
}

// New makes a Lifecycle with the settings o. It panics if abort.New or eof.New
// does.
func New(o Options) *Lifecycle {
	l := &Lifecycle{
		onEnd:      o.OnEnd,
		log:        o.Logger,
		silent:     silent(o.Logger),
		background: eof.New(o.Background),
		check:      abort.New(o.Abort),
	}
	if o.Exit.ErrorPage != nil {
		l.exit = exitcode.New(o.Exit)
	}
	l.config = &request.Config{Observer: (*observer)(l)}
	return l
}

// Handler is a middleware that switches on the check for aborts, the exit
// settings, Defer and After, the Outcome and the log line: r.Use(life.Handler).
func (l *Lifecycle) Handler(next http.Handler) http.Handler {
	return request.Handler(l.config, l.check(l.settings(l.background.Handler(next))))
}

// Detach is Handler, and enables eof.Send in the handlers inside, which run on
// separate goroutines, see eof.Background.Detach:
// r.With(life.Detach).Post("/tasks", h). If a check for aborts is set outside,
// or abort.Ignore is, Detach leaves that as it is. With gin and echo, Detach
// must be around the whole engine and not in an adapter for single routes, see
// eof.Background.Detach.
func (l *Lifecycle) Detach(next http.Handler) http.Handler {
	return request.Handler(l.config, request.CheckByDefault(l.check(l.settings(l.background.Detach(next)))))
}

func (l *Lifecycle) settings(next http.Handler) http.Handler {
	if l.exit != nil {
		return l.exit(next)
	}
	return next
}

// Shutdown waits for the work that continues after responses, see
// eof.Background.Shutdown. Call it after http.Server.Shutdown, which does not
// wait for this work.
func (l *Lifecycle) Shutdown(ctx context.Context) error { return l.background.Shutdown(ctx) }

// Stats returns the current counts.
func (l *Lifecycle) Stats() Stats {
	ended := l.ended.Load() // before requests: there are never more
	requests := l.requests.Load()
	return Stats{
		Active:     int64(requests - ended),
		Requests:   requests,
		Aborts:     l.aborts.Load(),
		Exits:      l.exits.Load(),
		EOFs:       l.eofs.Load(),
		Background: l.background.Stats(),
	}
}

// observer is the view of a Lifecycle that a request has.
type observer Lifecycle

func (o *observer) Begin(*request.Request) {
	o.requests.Add(1)
}

func (o *observer) End(r *request.Request, end request.Outcome) {
	l := (*Lifecycle)(o)
	l.ended.Add(1)
	if end.Abort != nil {
		l.aborts.Add(1)
	}
	if end.Exit != nil {
		l.exits.Add(1)
	}
	if end.EOF > 0 {
		l.eofs.Add(1)
	}
	if l.onEnd != nil {
		defer l.onEnd(outcome(end)) // deferred: whatever the logger does
	}
	if !l.silent {
		guarded(func() { l.line(r, end) })
	}
}

func (o *observer) Done(ctx context.Context, r *request.Request) {
	if l := (*Lifecycle)(o); !l.silent {
		guarded(func() { l.doneLine(ctx, r) })
	}
}

func (o *observer) Log(ctx context.Context, r *request.Request, text string, stack []byte) bool {
	l := (*Lifecycle)(o)
	if !l.silent {
		l.problem(ctx, r, text, stack)
	}
	return !l.silent
}

// guarded runs f, which calls the logger. A panic of the logger is logged and
// not passed on, because this goroutine may have no caller that recovers it.
func guarded(f func()) {
	defer func() { _ = recover() }() // a panic of the standard logger cannot be logged
	defer func() {
		if v := recover(); v != nil {
			log.Printf("lastbyte: panic of the logger: %q", fmt.Sprint(v))
		}
	}()
	f()
}
