package abort_test

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
)

// Clients that leave 0 ms after their request, before the handler has begun or
// in its first lines: 1,000 of each kind if LASTBYTE_ABORT is set. None is missed,
// none is told twice.
func TestA6_ZeroMilliseconds(t *testing.T) {
	n := int32(abortCount(20, 1000) / len(mounts))
	for _, l := range links {
		ways := []way{wayClose}
		switch {
		case l == overTLS:
			ways = append(ways, wayTLS)
		case l.h2:
			ways = []way{wayStream, wayClose.either()}
		}
		for _, how := range ways {
			t.Run(l.name+" "+how.name, func(t *testing.T) {
				for _, m := range mounts {
					t.Run(m.name, func(t *testing.T) {
						t.Parallel()
						zero(t, l, m, how, n)
					})
				}
			})
		}
	}
}

func zero(t *testing.T, l link, m mount, how way, n int32) {
	found := make(chan seen, 1)
	s := open(t, l, m, abort.Options{}, func(s *site) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) {
			called, err := s.register(r.Context())
			e := s.called(called)
			found <- seen{e, err == nil}
		}
	})
	for i := range n {
		g := s.guest(t)
		g.hitAndRun(t, how)
		got := await(t, found, "callback")
		left(t, got.e, got.ok, how)
		if o := s.outcome(t, i+1); o.Abort != got.e {
			t.Errorf("Outcome.Abort = %v, want the callback's, %v", o.Abort, got.e)
		}
		g.tcp.Close()
		if t.Failed() {
			return
		}
	}
	s.Close() // waits for the connections
	if got := s.calls.Load(); got != n || len(s.ended) != 0 {
		t.Errorf("%d requests had %d callbacks and %d more outcomes, want %d, 0", n, got, len(s.ended), n)
	}
}

// hitAndRun sends a request and leaves at once.
func (g *guest) hitAndRun(t *testing.T, how way) {
	t.Helper()
	if g.h2 == nil {
		g.begin(t, "GET", "/", nil)
		how.do(g)
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	g.cancel = cancel
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { how.do(g) },
	})
	req, err := http.NewRequestWithContext(ctx, "GET", g.scheme()+"://example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		res, err := g.h2.RoundTrip(req)
		g.heads <- head{res, err}
	}()
	if res, err := g.head(t); err == nil {
		t.Errorf("response = %d, want none", res.StatusCode)
	}
}
