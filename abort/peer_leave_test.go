package abort_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
)

// departures is how often each scenario of the socket tests is played: what
// several witnesses see at once has to come out the same every time.
const departures = 3

// ask is how a handler learns of the end of its client: it arms, and then waits.
type ask struct {
	name string
	arm  func(s *site, ctx context.Context) (wait func() (e *abort.Error, ok bool))
	// what the Outcome says afterwards, if nothing was sent
	status int
	calls  int32
}

func (a ask) wait(s *site, ctx context.Context) (*abort.Error, bool) { return a.arm(s, ctx)() }

var asks = []ask{
	{"On", func(s *site, ctx context.Context) func() (*abort.Error, bool) {
		called, err := s.register(ctx)
		return func() (*abort.Error, bool) { return s.called(called), err == nil && ctx.Err() == nil }
	}, 200, 1},
	{"Done", func(s *site, ctx context.Context) func() (*abort.Error, bool) {
		done := ctx.Done()
		return func() (*abort.Error, bool) {
			select {
			case <-done:
			case <-s.over: // missed
			}
			e, ok := context.Cause(ctx).(*abort.Error)
			known, also := abort.Cause(ctx)
			return e, ok && also && known == e
		}
	}, 499, 0},
}

// byAfterFunc decides nothing, so that the outcome is that of Done.
var byAfterFunc = ask{"AfterFunc", func(s *site, ctx context.Context) func() (*abort.Error, bool) {
	called := make(chan *abort.Error, 1)
	abort.AfterFunc(ctx, func(own context.Context) {
		e, _ := abort.Cause(own)
		called <- e
	})
	return func() (*abort.Error, bool) {
		e := s.called(called)
		return e, e != nil && context.Cause(ctx) == error(e)
	}
}, 499, 0}

// seen is what a handler found out.
type seen struct {
	e  *abort.Error
	ok bool
}

// departs plays departures of one kind: send what begin sends, leave once the
// handler is at work, and find that out by every means.
func departs(t *testing.T, l link, how way, begin func(*testing.T, *guest)) {
	departsBehind(t, l, how, begin, "", asks...)
}

// departsBehind sends behind before it leaves.
func departsBehind(t *testing.T, l link, how way, begin func(*testing.T, *guest), behind string, asks ...ask) {
	for _, m := range mounts {
		for _, a := range asks {
			t.Run(m.name+" "+a.name, func(t *testing.T) {
				t.Parallel()
				begun, found := make(chan struct{}, 1), make(chan seen, 1)
				s := open(t, l, m, abort.Options{}, func(s *site) http.HandlerFunc {
					return func(_ http.ResponseWriter, r *http.Request) {
						begun <- struct{}{}
						e, ok := a.wait(s, r.Context())
						found <- seen{e, ok}
					}
				})
				for i := range int32(departures) {
					g := s.guest(t)
					begin(t, g)
					await(t, begun, "request")
					if behind != "" {
						g.write(t, behind)
					}
					how.do(g)
					got := await(t, found, "end of the client")
					left(t, got.e, got.ok, how)
					o := s.outcome(t, a.calls*(i+1))
					if o.Status != a.status || o.Abort == nil || o.Abort != got.e {
						t.Errorf("Outcome = %d, %v, want %d, %v", o.Status, o.Abort, a.status, got.e)
					}
				}
			})
		}
	}
}

func get(t *testing.T, g *guest) { g.begin(t, "GET", "/", nil) }

func TestA3_TLS(t *testing.T) {
	for _, how := range []way{wayTLS, wayNotify, wayFIN, wayClose, wayRST} {
		t.Run(how.name, func(t *testing.T) { departs(t, overTLS, how, get) })
	}
}

func TestA2_TCP(t *testing.T) {
	for _, how := range []way{wayFIN, wayClose, wayRST} {
		t.Run(how.name, func(t *testing.T) { departs(t, overTCP, how, get) })
	}
}

func TestA8_HTTP2(t *testing.T) {
	for _, w := range []link{overH2C, overH2S} {
		for _, how := range []way{wayStream, wayFIN.either(), wayClose.either(), wayRST.either()} {
			t.Run(w.name+" "+how.name, func(t *testing.T) { departs(t, w, how, get) })
		}
	}
	t.Run("TLS h2 close_notify and FIN", func(t *testing.T) { departs(t, overH2S, wayTLS.either(), get) })
}
