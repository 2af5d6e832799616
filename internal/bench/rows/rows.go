package rows

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/board"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"

	chimw "github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"
)

// Row is a handler to measure, and what comes with it.
type Row struct {
	Name string
	http.Handler
	Attach func(*http.Server)          // to the server that it runs in; nil: nothing
	Drain  func(context.Context) error // when it has served its last request; nil: nothing
	Sends  bool                        // the response ends before the handler
}

var five = []byte("hello")

// Shallow is the handler inside: it writes five bytes.
func Shallow(w http.ResponseWriter, _ *http.Request) { w.Write(five) }

// Deep is Shallow with 8 KB of stack.
func Deep(w http.ResponseWriter, r *http.Request) {
	if use8KB(0) == 0 {
		w.Write(five)
	}
}

//go:noinline
func use8KB(x byte) byte {
	var buf [8 << 10]byte
	for i := 0; i < len(buf); i += 512 {
		buf[i] = x
	}
	return buf[int(x)*17]
}

// Handlers gives the rows around h: net/http alone and its TimeoutHandler, chi's Timeout,
// and all of lastbyte's. The lines of the log go to out. After the last request, drain.
func Handlers(h http.HandlerFunc, out io.Writer) (list []Row, drain func() error) {
	list = append(plain(h), verbs(h)...)
	list = append(list, detached(h)...)
	list = append(list, lifecycles(h, out)...)
	return list, func() (err error) {
		for _, row := range list {
			if row.Drain != nil {
				err = errors.Join(err, row.Drain(context.Background()))
			}
		}
		return err
	}
}

// copied is what any middleware takes that gives its handler a context, a writer and so a
// request of its own, in one allocation.
type copied struct {
	context.Context
	http.ResponseWriter
	r http.Request
}

// plain is what there is without lastbyte. The floors are what lastbyte cannot do without:
// a copy of the request, and for Detach a goroutine of the handler's own.
func plain(h http.HandlerFunc) []Row {
	return []Row{
		{Name: "bare", Handler: h},
		{Name: "chiTimeout", Handler: chimw.Timeout(time.Minute)(h)},
		{Name: "TimeoutHandler", Handler: http.TimeoutHandler(h, time.Minute, "")},
		{Name: "contextAfterFunc", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			stop := context.AfterFunc(r.Context(), func() {})
			defer stop()
			h(w, r)
		})},
		{Name: "floorCopy", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c := &copied{Context: r.Context(), ResponseWriter: w}
			c.r = *r.WithContext(c)
			h(c, &c.r)
		})},
		{Name: "floorHandover", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				h(w, r)
			}()
			<-done
		})},
		{Name: "httpError", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "Forbidden", http.StatusForbidden)
		})},
	}
}

func verbs(h http.HandlerFunc) []Row {
	attach := func(srv *http.Server) { srv.ConnContext = abort.ConnContext }
	return []Row{
		{Name: "Check", Handler: abort.Check(h), Attach: attach},
		{Name: "CheckOn", Handler: abort.Check(on(h)), Attach: attach},
		{Name: "CheckExit", Handler: abort.Check(http.HandlerFunc(forbid)), Attach: attach},
		{Name: "Timeout", Handler: exitcode.Timeout(time.Minute, http.StatusGatewayTimeout)(h)},
	}
}

func detached(h http.HandlerFunc) []Row {
	b := eof.New(eof.Options{})
	timeout := exitcode.Timeout(time.Minute, http.StatusGatewayTimeout)
	return []Row{
		{Name: "Detach", Handler: b.Detach(h)},
		{Name: "DetachSend", Handler: b.Detach(send(h)), Sends: true, Drain: b.Shutdown},
		{Name: "DetachTimeout", Handler: b.Detach(timeout(h))},
		{Name: "TimeoutDetach", Handler: timeout(b.Detach(h))},
	}
}

func lifecycles(h http.HandlerFunc, out io.Writer) []Row {
	forbid := http.HandlerFunc(forbid)
	none := middleware.Options{}
	list := []Row{
		lifecycle("Lifecycle", none, h),
		lifecycle("LifecycleObserved", middleware.Options{OnEnd: func(*http.Request, middleware.Outcome) {}}, h),
		lifecycle("LifecycleBoard", none, h, func(l *middleware.Lifecycle) { board.New(l) }),
		lifecycle("LifecycleLog", middleware.Options{Logger: zerolog.New(out)}, h),
		lifecycle("LifecycleSlog", middleware.Options{Slog: slog.New(slog.NewJSONHandler(out, nil))}, h),
		lifecycle("LifecycleOn", none, on(h)),
		lifecycle("LifecycleExit", none, forbid),
		lifecycle("LifecycleExitLog", middleware.Options{Logger: zerolog.New(out)}, forbid),
		lifecycle("LifecycleDefer", middleware.Options{Background: eof.Options{Pending: 1 << 20}}, deferring(h)),
	}
	l := middleware.New(none)
	return append(list, Row{"LifecycleDetachSend", l.Handler(l.Detach(send(h))), l.Attach, l.Shutdown, true})
}

func lifecycle(name string, o middleware.Options, h http.Handler, more ...func(*middleware.Lifecycle)) Row {
	l := middleware.New(o)
	for _, f := range more {
		f(l)
	}
	return Row{Name: name, Handler: l.Handler(h), Attach: l.Attach, Drain: l.Shutdown}
}

// must is for the verbs: an error would make the row one of something else, unless it is
// that of a client that has left, as they all do at the end.
func must(err error) {
	if err != nil && !errors.Is(err, abort.ErrClientAborted) {
		panic(err)
	}
}

func on(next http.HandlerFunc) http.HandlerFunc {
	callback := func(context.Context) {}
	return func(w http.ResponseWriter, r *http.Request) {
		must(abort.On(r.Context(), callback))
		next(w, r)
	}
}

func send(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		next(w, r)
		must(eof.Send(r.Context()))
	}
}

func deferring(next http.HandlerFunc) http.HandlerFunc {
	task := func(context.Context) {}
	return func(w http.ResponseWriter, r *http.Request) {
		must(eof.Defer(r.Context(), task))
		next(w, r)
	}
}

func forbid(_ http.ResponseWriter, r *http.Request) {
	must(exitcode.Exit(r.Context(), http.StatusForbidden))
}
