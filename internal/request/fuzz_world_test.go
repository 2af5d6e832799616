package request_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// world is one request whose goroutines do what the test says.
type world struct {
	race   bool // an event does not wait for the one before
	loose  bool // the model cannot know
	filter bool // a HeaderFilter may exit after an ending
	life   *middleware.Lifecycle
	wire   *wire

	cancel context.CancelCauseFunc // of the context around lastbyte
	req    *request.Request
	w      http.ResponseWriter // the handler's, leaked
	r      *http.Request       // the handler's, leaked
	state  lifecycle.State     // the state after the last event

	mu       sync.Mutex
	handler  *actor
	threads  []*actor
	called   *actor // the callback
	calls    int
	accepted int // tasks
	ran      int
	learned  int // of an abort, by functions of AfterFunc
	outcomes []middleware.Outcome
	returned bool
}

// limit is the request's Timeout.
const limit = time.Hour

// actor is a goroutine that does what it is told.
type actor struct {
	ctx  context.Context
	do   chan func()
	gone bool // it was told to end
}

func newActor(ctx context.Context) *actor { return &actor{ctx: ctx, do: make(chan func(), 256)} }

func (a *actor) run() {
	for f := range a.do {
		f()
	}
}

const (
	bitDetach = 1 << iota
	bitHTTP2
	bitIgnore
	bitCheck // whatever bitIgnore says: mostly on
	bitRace
	bitBody
	bitLazy // the handler does not ask for Done, so nobody watches the client
	bitFilter
)

func describe(b byte) string {
	return fmt.Sprintf("detach %t h2 %t check %t race %t body %t lazy %t filter %t:", b&bitDetach != 0, b&bitHTTP2 != 0,
		b&(bitIgnore|bitCheck) != bitIgnore, b&bitRace != 0, b&bitBody != 0, b&bitLazy != 0, b&bitFilter != 0)
}

func newWorld(t *testing.T, b byte) (*world, *model) {
	is := func(bit byte) bool { return b&bit != 0 }
	m := &model{detach: is(bitDetach), h2: is(bitHTTP2), check: b&(bitIgnore|bitCheck) != bitIgnore, body: is(bitBody)}
	w := &world{race: is(bitRace), loose: b&(bitRace|bitLazy|bitFilter) != 0, filter: is(bitFilter), handler: newActor(noContext)}
	o := middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { w.note(func() { w.outcomes = append(w.outcomes, o) }) }}
	o.Background.OnPanic = func(any, []byte) {}
	w.life = middleware.New(o)

	var h http.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.w, w.r = rw, r
		w.req, _ = request.From(r.Context())
		if !is(bitLazy) {
			r.Context().Done()
		}
		w.handler.run()
	})
	h = exitcode.Timeout(limit, http.StatusGatewayTimeout)(h)
	if !m.check {
		h = abort.Ignore(h)
	}
	if is(bitFilter) {
		h = exitcode.HeaderFilter(func(_ *http.Request, status int, _ http.Header) exitcode.Code {
			return map[int]exitcode.Code{404: 503, 201: 444}[status]
		})(h)
	}
	if m.detach {
		h = w.life.Detach(h)
	} else {
		h = w.life.Handler(h)
	}
	w.serve(t, h, m)
	return w, m
}

// serve is the server's goroutine.
func (w *world) serve(t *testing.T, h http.Handler, m *model) {
	srv := &http.Server{ErrorLog: log.New(io.Discard, "", 0)}
	ctx, cancel := context.WithCancelCause(context.WithValue(t.Context(), http.ServerContextKey, srv))
	w.cancel = cancel
	w.wire = newWire(ctx, m.h2)
	r := httptest.NewRequestWithContext(ctx, "POST", "/", nil)
	if m.body {
		r.Body = w.wire
	}
	var rw http.ResponseWriter = wire1{w.wire}
	if m.h2 {
		r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0
		rw = w.wire
	}
	go func() {
		defer func() {
			recover() // what the handler panics with is not the matter here
			w.wire.set(func() { w.wire.over = true })
			w.note(func() { w.returned = true })
			cancel(nil) // as net/http does
		}()
		h.ServeHTTP(rw, r)
	}()
	synctest.Wait()
	w.handler.ctx = w.r.Context()
}

func (w *world) note(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}
