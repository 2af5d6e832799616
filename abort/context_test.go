package abort_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

// family is a request's context and what a handler derives from it.
type family struct {
	ctx      context.Context
	derived  map[string]context.Context
	apart    context.Context // WithoutCancel
	after    chan struct{}   // AfterFunc ran
	stopped  chan struct{}   // the AfterFunc that was stopped ran
	didStop  bool
	children []context.CancelFunc
}

type familyKey struct{}

func newFamily(ctx context.Context) *family {
	f := &family{ctx: ctx, after: make(chan struct{}, 4), stopped: make(chan struct{}, 4)}
	child, cancel := context.WithCancel(ctx)
	withCause, cancelCause := context.WithCancelCause(ctx)
	timeout, stop := context.WithTimeout(ctx, 1000*time.Hour)
	value := context.WithValue(ctx, familyKey{}, "kept")
	grandchild, cancelGrandchild := context.WithCancel(value)
	f.children = []context.CancelFunc{cancel, func() { cancelCause(nil) }, stop, cancelGrandchild}
	f.derived = map[string]context.Context{
		"itself": ctx, "WithCancel": child, "WithCancelCause": withCause, "WithTimeout": timeout,
		"WithValue": value, "WithCancel of WithValue": grandchild,
	}
	f.apart = context.WithoutCancel(ctx)
	context.AfterFunc(ctx, func() { f.after <- struct{}{} })
	f.didStop = context.AfterFunc(ctx, func() { f.stopped <- struct{}{} })()
	return f
}

func (f *family) release() {
	for _, cancel := range f.children {
		cancel()
	}
}

// lives asserts that nothing of f has ended.
func (f *family) lives(t *testing.T, when string) {
	t.Helper()
	for name, ctx := range f.derived {
		if ctx.Err() != nil || context.Cause(ctx) != nil {
			t.Errorf("%s: %s: Err, Cause = %v, %v, want nil twice", when, name, ctx.Err(), context.Cause(ctx))
		}
		select {
		case <-ctx.Done():
			t.Errorf("%s: %s: Done is closed, want open", when, name)
		default:
		}
	}
	none(t, f.after, when+": AfterFunc")
}

// ended asserts that all of f has ended in one way, but what never does.
func (f *family) ended(t *testing.T, err error, cause func(error) bool) {
	t.Helper()
	take(t, f.after, "AfterFunc")
	for name, ctx := range f.derived {
		if got := ctx.Err(); got != err || !cause(context.Cause(ctx)) {
			t.Errorf("%s: Err, Cause = %v, %v, want %v and the ending's cause", name, got, context.Cause(ctx), err)
		}
		select {
		case <-ctx.Done():
		default:
			t.Errorf("%s: Done is open, want closed", name)
		}
	}
	if err := f.apart.Err(); err != nil {
		t.Errorf("WithoutCancel: Err = %v, want nil", err)
	}
	if !f.didStop {
		t.Error("stop() of AfterFunc = false before the end, want true")
	}
	none(t, f.stopped, "AfterFunc that was stopped")
	none(t, f.after, "AfterFunc, again")
	late := make(chan struct{}, 1)
	context.AfterFunc(f.ctx, func() { late <- struct{}{} })
	take(t, late, "AfterFunc after the end")
}

func is(want error) func(error) bool { return func(err error) bool { return err == want } }

// contextEnding is a row of the table of contexts that ends in cancellation.
type contextEnding struct {
	name  string
	mount []mount
	make  func() (func(*http.Server), endFunc) // in a bubble
	err   error
	cause func(error) bool
}

type endFunc func(s *aborttest.Client, c *aborttest.Call, ctx context.Context, release func())

var errOuter = errors.New("an outer middleware's reason")

func plainly(end endFunc) func() (func(*http.Server), endFunc) {
	return func() (func(*http.Server), endFunc) { return func(*http.Server) {}, end }
}

// outerCause is a middleware around lastbyte that cancels for a reason.
func outerCause() (func(*http.Server), endFunc) {
	ends := make(chan context.CancelCauseFunc, 1)
	configure := func(srv *http.Server) {
		next := srv.Handler
		srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancelCause(r.Context())
			defer cancel(nil)
			ends <- cancel
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
	return configure, func(*aborttest.Client, *aborttest.Call, context.Context, func()) { (<-ends)(errOuter) }
}

func outerDeadline() (func(*http.Server), endFunc) {
	return func(srv *http.Server) { srv.Handler = middleware.Timeout(time.Minute)(srv.Handler) },
		func(*aborttest.Client, *aborttest.Call, context.Context, func()) { time.Sleep(time.Minute) }
}

func baseContext() (func(*http.Server), endFunc) {
	base, cancel := context.WithCancel(context.Background())
	configure := func(srv *http.Server) {
		srv.BaseContext = func(net.Listener) context.Context { return base }
		srv.ConnContext = abort.ConnContext
	}
	return configure, func(*aborttest.Client, *aborttest.Call, context.Context, func()) { cancel() }
}

var contextEndings = []contextEnding{
	{"ClientAborts", mounts,
		plainly(func(_ *aborttest.Client, c *aborttest.Call, _ context.Context, _ func()) { c.Leave(aborttest.Timeout) }),
		context.Canceled, func(err error) bool { _, ok := err.(*abort.Error); return ok }},
	{"Exit", mounts,
		plainly(func(_ *aborttest.Client, _ *aborttest.Call, ctx context.Context, _ func()) { exitcode.Exit(ctx, 404) }),
		context.Canceled, func(err error) bool { e, ok := err.(*exitcode.ExitError); return ok && e.Code == 404 }},
	{"OuterDeadline", mounts, outerDeadline, context.DeadlineExceeded, is(context.DeadlineExceeded)},
	{"OuterCause", mounts, outerCause, context.Canceled, is(errOuter)},
	{"BaseContext", mounts, baseContext, context.Canceled, is(context.Canceled)},
	{"HandlerReturned", mounts,
		plainly(func(_ *aborttest.Client, _ *aborttest.Call, _ context.Context, release func()) { release() }),
		context.Canceled, is(context.Canceled)},
	{"ExitAfterSend", mounts[1:],
		plainly(func(_ *aborttest.Client, _ *aborttest.Call, ctx context.Context, _ func()) {
			eof.Send(ctx)
			exitcode.Exit(ctx, 503)
		}),
		context.Canceled, func(err error) bool { e, ok := err.(*exitcode.ExitError); return ok && e.Code == 503 }},
	{"ReturnAfterSend", mounts[1:],
		plainly(func(_ *aborttest.Client, _ *aborttest.Call, ctx context.Context, release func()) {
			eof.Send(ctx)
			release()
		}),
		context.Canceled, is(context.Canceled)},
	{"ForcedShutdownAfterSend", mounts[1:],
		plainly(func(s *aborttest.Client, _ *aborttest.Call, ctx context.Context, _ func()) {
			eof.Send(ctx)
			over, cancel := context.WithCancel(context.Background())
			cancel()
			s.Lifecycle().Shutdown(over)
		}),
		context.Canceled, is(eof.ErrShuttingDown)},
}

func TestContext_Ends(t *testing.T) {
	for _, e := range contextEndings {
		for _, m := range e.mount {
			t.Run(e.name+"/"+m.name, func(t *testing.T) {
				run(t, func(t *testing.T, p aborttest.Protocol) { contextEnds(t, p, m, e) })
			})
		}
	}
}

func contextEnds(t *testing.T, p aborttest.Protocol, m mount, e contextEnding) {
	families, release := make(chan *family, 1), make(chan struct{})
	configure, finish := e.make()
	s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
		families <- newFamily(r.Context())
		<-release
	}, configure)
	call := s.Get("/")
	f := take(t, families, "family")
	defer f.release()
	letGo := sync.OnceFunc(func() { close(release) })
	defer letGo()
	f.lives(t, "before the end")
	finish(s, call, f.ctx, letGo)
	f.ended(t, e.err, e.cause)
}
