// Package board is a live page about how requests end, to be mounted as one mounts
// net/http/pprof: the requests at work, the handlers that outlive their responses, the
// tasks, the last endings and who brought them about.
//
//	life := middleware.New(middleware.Options{})
//	r := chi.NewRouter()
//	r.Use(life.Handler)
//	r.Handle("/debug/requests*", board.New(life))
//
// The page is at /debug/requests, and the same as JSON at /debug/requests.json. curl gets
// text. r.Mount("/debug/requests", board.New(life)) serves all but the name with .json,
// for which ?format=json stands.
//
// # Who may look
//
// Clients on the same machine alone, unless [Options].Allow says otherwise: the address is
// a loopback address, no proxy has added its field (Forwarded, Via, X-Forwarded-For and the
// like), and the host of the URL is localhost or a loopback address, so that no other name
// can be made to lead here. A proxy on the same machine that adds no field, as nginx does
// unless it is told to, looks like a client there: keep it from the path, or set Allow.
//
// The board changes nothing. It shows neither query strings nor headers nor bodies, and
// pages of another origin can neither read nor frame it. What SetAttrs added to a request
// is shown, as in the log.
//
// # Limits
//
// A board is a view, and no count: metrics count. At more than some 900 endings a
// second of one kind it keeps a part of them, and a page at fewer, and says so; the numbers
// per second are complete at any rate. Everything is forgotten when the process ends.
package board

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// Options are the settings of a board.
type Options struct {
	// Allow reports whether the client of a request may look. It is called for each
	// request, on the serving goroutine. nil means clients on the same machine, as the
	// package says. Allow takes the place of that: one that returns true shows the board
	// to everybody who reaches it.
	Allow func(*http.Request) bool

	// Endings is how many endings are kept. 0 means 200. While requests end well faster
	// than that, up to half of them are the last that did not. An ending takes 1 KB, and
	// 4 KB at most.
	Endings int

	// Viewers is how many pages may look at the same time; one more is answered 503. 0
	// means 10.
	Viewers int

	// Queues is asked for the queues of a job engine, once a second at most and only while
	// somebody looks, on the serving goroutine of a viewer. Its context ends after a
	// second. Engine.Depths of module durable is one. nil means that none are shown.
	Queues func(context.Context) ([]Queue, error)
}

// New returns the board of life, for clients on the same machine. It observes life from
// now on, as long as life is in use; make one for a Lifecycle. Where no Lifecycle is around
// the board, it serves through life all the same. It panics if life is nil.
//
// With nobody looking it costs a request some nanoseconds, and up to some 900 times a second
// some microseconds for the copy of what is shown. It starts no goroutine, and
// a client that reads slowly misses endings and delays nobody.
func New(life *middleware.Lifecycle) http.Handler { return NewWith(life, Options{}) }

// NewWith is [New] with settings. It panics if a number in o is negative, too.
func NewWith(life *middleware.Lifecycle, o Options) http.Handler {
	if life == nil {
		panic("board.NewWith: the Lifecycle is nil")
	}
	if o.Endings < 0 || o.Viewers < 0 {
		panic(fmt.Sprintf("board.NewWith: negative option, got Endings %d, Viewers %d", o.Endings, o.Viewers))
	}
	b := &board{
		life:  life,
		allow: o.Allow,
		page:  newPage(),
		room:  cmp.Or(o.Viewers, 10),
		began: time.Now(),
	}
	b.before = ended(life.Stats())
	b.queues.ask = o.Queues
	b.kept.size = cmp.Or(o.Endings, 200)
	life.Observe(middleware.Observer{Want: b.want, OnEnd: b.onEnd, OnDone: b.onDone, OnTask: b.onTask})
	return life.Handler(b)
}

// board is what New returns, inside of its Lifecycle.
type board struct {
	life   *middleware.Lifecycle
	allow  func(*http.Request) bool // nil: clients on the same machine
	page   *page
	began  time.Time
	before uint64 // requests that had ended by then

	counts [kinds]atomic.Uint64 // of all kinds but handler
	gates  [kinds]gate
	kept   kept
	queues queues
	own    own

	looking sync.Mutex // held while the requests at work are looked at; guards the rest

	seen    *sight   // by the last look
	viewers []viewer // streams
	room    int      // for how many there is
}

func (b *board) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for name, value := range headers {
		h.Set(name, value)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "405 the board is for GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	f, ok := formatOf(r)
	if !ok {
		http.Error(w, "400 format is html, json, text or events", http.StatusBadRequest)
		return
	}
	if why := b.refuse(r); why != "" {
		b.page.forbid(w, f, why)
		return
	}
	if req, ok := request.From(r.Context()); ok {
		defer b.own.add(req)
	}
	switch f {
	case asHTML:
		b.page.write(w)
	case asEvents:
		b.stream(w, r)
	case asJSON:
		b.writeJSON(w, r)
	default:
		b.writeText(w, r)
	}
}

// headers are those of every response, which is not to be stored, framed or read by others.
var headers = map[string]string{
	"Cache-Control":                "no-store",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"Vary":                         "Accept",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "SAMEORIGIN",
	"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'self'",
}
