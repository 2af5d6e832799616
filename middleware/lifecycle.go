// Package middleware combines abort, exitcode, eof and thread in one
// middleware, with a controller, an outcome and a log line for each request.
//
// Each of these packages has its own middleware. A server needs them in one order, one
// Background to shut down, hooks of its http.Server, and a log line that knows all of the
// endings. A [Lifecycle] has all of that, and [Lifecycle.Serve] drains it:
//
//	life := middleware.New(middleware.Options{Logger: log})
//
//	r := chi.NewRouter()
//	r.Use(life.Handler)
//	r.Get("/report", report)
//	r.With(life.Detach).Post("/tasks", tasks)
//
//	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
//	context.AfterFunc(ctx, stop) // a second signal ends the process at once
//	err := life.ListenAndServe(ctx, &http.Server{Addr: ":8080", Handler: r})
//
// # Limits
//
// A copy of the request is handed down, so what is assigned to its Body or Header
// inside is not visible outside. A ResponseWriter of an unknown type keeps only the
// optional interfaces that net/http defines, and Unwrap. http.MaxBytesReader
// cannot set Connection: close behind another writer than net/http's; lastbyte
// sets it on a 413. docs/transparency.md lists what else a handler can observe.
package middleware

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/request"

	"github.com/rs/zerolog"
)

// Options are the settings of a [Lifecycle].
type Options struct {
	// Logger writes one line per request and one more when detached work ends.
	// It also writes problems during a request and after it, such as the panics of
	// tasks and detached handlers, with their stacks, and once that a server was never
	// attached, see Attach. The level is error for a status
	// from 500 on, for a panic and for a problem, otherwise info. A panic after the
	// response is in the line of the detached work. Each line has
	// method, path, route and request_id: the route is chi's, or the pattern of an
	// http.ServeMux without its method; the id is that of chi's RequestID, or the
	// X-Request-Id that the request came with; of both the first 128 bytes. A ServeMux
	// inside the Lifecycle writes its pattern to the request, which is read once the
	// handler has returned, or has gone through exitcode.Handler and the like: a line
	// before that has no route. A problem that a goroutine of the handler's own
	// reports after the end of the request may be without these fields. The zero value
	// writes nothing, and problems are logged by http.Server.ErrorLog. A panic of the
	// Logger is logged by the standard logger.
	Logger zerolog.Logger

	// Slog writes the lines of Logger, for those who use log/slog, with the context
	// of the request, where a handler finds a trace. nil means that Logger is used.
	// New panics if both are set.
	Slog *slog.Logger

	Abort      abort.Options
	Exit       exitcode.Options
	Background eof.Options

	// Skip reports whether the line of a request, and that of its detached work, is
	// left out: that of a probe, for example. Problems are logged all the same. Skip
	// is called on the goroutine that would write the line, and its request is that
	// of OnEnd or OnDone. nil means that no line is left out. A panic of Skip is
	// logged by the standard logger, and leaves the line out.
	Skip func(*http.Request, Outcome) bool

	// OnEnd and OnDone are those of an [Observer]. nil means no call.
	OnEnd, OnDone func(*http.Request, Outcome)

	// Grace is the time that the whole drain of Serve may take. 0 means 27 seconds,
	// which is within the 30 seconds that Kubernetes gives.
	Grace time.Duration

	// Lag is the first part of Grace, in which Serve continues to serve while Ready
	// says 503, so that load balancers can notice. 0 means none.
	Lag time.Duration

	// Last is called at the end of the drain of Serve, after Lifecycle.Shutdown: it is
	// for what requests and background work have used, such as job engines and
	// databases. Its context ends with Grace, and then Serve no longer waits for it.
	// nil means that nothing is called.
	Last func(context.Context) error
}

// defaultGrace is inside the 30 seconds that Kubernetes gives.
const defaultGrace = 27 * time.Second

// Lifecycle combines the middlewares of lastbyte. Make one with [New]; the zero
// value is not usable. All its methods may be called from any goroutine.
type Lifecycle struct {
	log        logger
	skip       func(*http.Request, Outcome) bool
	background *eof.Background
	check      func(http.Handler) http.Handler
	exit       func(http.Handler) http.Handler // nil: no settings
	config     *request.Config
	grace, lag time.Duration
	last       func(context.Context) error
	servers    servers
	observers  observers
	working    working
	endings    endings
	warned     atomic.Bool // a server was never attached

	requests, ends, aborts, exits, eofs atomic.Uint64
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
// does, if both Logger and Slog are set, if Grace or Lag is negative, and if Lag is
// not shorter than Grace.
func New(o Options) *Lifecycle {
	if o.Grace < 0 || o.Lag < 0 {
		panic(fmt.Sprintf("middleware.New: negative option, got Grace %v, Lag %v", o.Grace, o.Lag))
	}
	o.Grace = cmp.Or(o.Grace, defaultGrace)
	if o.Lag >= o.Grace {
		panic(fmt.Sprintf("middleware.New: Lag is part of Grace, got Lag %v, Grace %v", o.Lag, o.Grace))
	}
	l := &Lifecycle{
		log:        newLogger(o),
		skip:       o.Skip,
		background: eof.New(o.Background),
		check:      abort.New(o.Abort),
		grace:      o.Grace,
		lag:        o.Lag,
		last:       o.Last,
	}
	l.working.seed = maphash.MakeSeed()
	if o.Exit.ErrorPage != nil {
		l.exit = exitcode.New(o.Exit)
	}
	if o.OnEnd != nil || o.OnDone != nil {
		l.observers.add(&Observer{OnEnd: o.OnEnd, OnDone: o.OnDone})
	}
	l.config = &request.Config{Observer: (*observer)(l)}
	request.Listen(l.background.Handler(nil), (*listener)(l))
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

// Shutdown waits for the work that continues after responses, and for the handlers
// of hijacked connections until they return, see eof.Background.Shutdown. Call it
// after http.Server.Shutdown, which does not wait for this work. [Lifecycle.Serve]
// calls both.
func (l *Lifecycle) Shutdown(ctx context.Context) error { return l.background.Shutdown(ctx) }

// Background returns the owner of the work that continues after responses: its limits
// and counts, and work without a request.
func (l *Lifecycle) Background() *eof.Background { return l.background }

// Stats returns the current counts.
func (l *Lifecycle) Stats() Stats {
	ended := l.ends.Load() // before requests: there are never more
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
