// Package middleware composes lastbyte: abort, exitcode, eof and thread in one
// middleware, with a controller for each request, its outcome and a log line.
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
// PathValues that are set inside are not visible outside: a request's copy is
// handed down. A ResponseWriter of an unknown kind keeps those of its optional
// interfaces that net/http knows, and Unwrap. The Connection: close of
// http.MaxBytesReader gets lost behind any other writer; it is set on a 413.
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
	// Logger gets one line per request, one more when detached work ends, and what
	// goes wrong in between and afterwards, at level error: panics that have no
	// client to hear of them with their stack. Each line has method, path, route and
	// request id. Zero value: silent, and what goes wrong is logged by
	// http.Server.ErrorLog. A panic of the Logger goes to the standard logger.
	Logger zerolog.Logger

	Abort      abort.Options
	Exit       exitcode.Options
	Background eof.Options

	// OnEnd is called after each response, on the serving goroutine, with how it
	// ended. nil: not called. It delays net/http's last write of the response. A
	// panic of it is one of the handler's.
	OnEnd func(Outcome)
}

// Lifecycle is lastbyte, composed. All its methods may be called from any
// goroutine.
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
	Active                        int64  // requests now
	Requests, Aborts, Exits, EOFs uint64 // in all
	Background                    eof.Stats
}

// New makes a Lifecycle. It panics where abort.New and eof.New do.
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

// Handler switches on the check for aborts, the exit settings, Defer and After,
// Outcome and the log line: r.Use(life.Handler).
func (l *Lifecycle) Handler(next http.Handler) http.Handler {
	return request.Handler(l.config, l.check(l.settings(l.background.Handler(next))))
}

// Detach is Handler, but leaves the check for aborts as it is set outside, and
// enables eof.Send in the handlers inside, which run on
// goroutines of their own, see eof.Background.Detach:
// r.With(life.Detach).Post("/tasks", h). With gin and echo it goes around the whole
// engine, never into an adapter for single routes: see there.
func (l *Lifecycle) Detach(next http.Handler) http.Handler {
	return request.Handler(l.config, request.CheckByDefault(l.check(l.settings(l.background.Detach(next)))))
}

func (l *Lifecycle) settings(next http.Handler) http.Handler {
	if l.exit != nil {
		return l.exit(next)
	}
	return next
}

// Shutdown waits for the work that outlives responses, see
// eof.Background.Shutdown. Call it after http.Server.Shutdown, which does not
// know of this work.
func (l *Lifecycle) Shutdown(ctx context.Context) error { return l.background.Shutdown(ctx) }

// Stats gives the counts of now.
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

// observer is a Lifecycle as the request sees it.
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

// guarded runs f, which calls the logger, and takes a panic of the logger for a
// problem of its own: there may be nobody else on this goroutine.
func guarded(f func()) {
	defer func() { _ = recover() }() // of the standard logger: there is nobody left to tell
	defer func() {
		if v := recover(); v != nil {
			log.Printf("lastbyte: panic of the logger: %q", fmt.Sprint(v))
		}
	}()
	f()
}
