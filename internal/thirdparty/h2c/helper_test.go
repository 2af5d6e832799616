package thirdparty_test

import (
	"context"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"

	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// setup is how lastbyte and h2c stand around a handler, and how a client begins.
type setup struct {
	name          string
	outer, inner  bool // there is a lastbyte middleware around, inside h2c.NewHandler
	detach        bool
	attach        bool
	upgrade       bool // the first request is HTTP/1.1 and asks for h2c, else HTTP/2 begins at once
	switchedFirst bool // the first request has the ending, not the second
}

func setups() (all []setup) {
	for _, place := range []struct {
		name         string
		outer, inner bool
	}{{"inside", false, true}, {"outside", true, false}, {"both", true, true}} {
		for n := range 16 {
			s := setup{name: place.name, outer: place.outer, inner: place.inner}
			for i, b := range []struct {
				name string
				set  *bool
			}{{"Detach", &s.detach}, {"Attach", &s.attach}, {"Upgrade", &s.upgrade}, {"first", &s.switchedFirst}} {
				if *b.set = n&(1<<i) != 0; *b.set {
					s.name += " " + b.name
				}
			}
			all = append(all, s)
		}
	}
	return all
}

// each runs body in every setup that has a lastbyte middleware where inner says.
func each(t *testing.T, inner bool, body func(t *testing.T, s setup)) {
	for _, s := range setups() {
		if s.inner == inner {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				body(t, s)
			})
		}
	}
}

// site is a server of a setup.
type site struct {
	addr  string
	ended chan middleware.Outcome
	log   *logged
}

func (s setup) open(t *testing.T, h http.HandlerFunc) *site {
	t.Helper()
	o := &site{ended: make(chan middleware.Outcome, 64)}
	life := middleware.New(middleware.Options{OnEnd: func(_ *http.Request, out middleware.Outcome) { o.ended <- out }})
	wrap := life.Handler
	if s.detach {
		wrap = life.Detach
	}
	var in http.Handler = h
	if s.inner {
		in = wrap(in)
	}
	in = h2c.NewHandler(in, &http2.Server{})
	if s.outer {
		in = wrap(in)
	}
	o.log = &logged{t: t}
	srv := &http.Server{Handler: in, ErrorLog: log.New(o.log, "", 0)}
	if s.attach {
		life.Attach(srv)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.addr = ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		srv.Close()
		<-served
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second) // t.Context has ended
		defer cancel()
		if err := life.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown() = %v, want nil", err)
		}
	})
	return o
}

// pair begins a request with the ending and one to /hold, in the order of the
// setup; both are under way when it returns.
func (s setup) pair(t *testing.T, o *site, path string, begun <-chan string) (c *client, ending, held *answer) {
	t.Helper()
	first, second := "/hold", path
	if s.switchedFirst {
		first, second = path, "/hold"
	}
	c = dial(t, o.addr)
	a := c.begin(t, s.upgrade, first)
	testkit.Await(t, begun, "the first request")
	b := c.get(t, second)
	testkit.Await(t, begun, "the second request")
	if s.switchedFirst {
		return c, a, b
	}
	return c, b, a
}

// logged fails the test for what a server logs, but for a Send without Detach, and for
// a server that was never attached.
type logged struct{ t *testing.T }

func (l *logged) Write(p []byte) (int, error) {
	if !strings.Contains(string(p), "no Detach around") && !strings.Contains(string(p), "was never attached") {
		l.t.Errorf("the server logs %q", p)
	}
	return len(p), nil
}

// wait is for handlers, which return when the test ends.
func wait(t *testing.T, ch <-chan struct{}) {
	select {
	case <-ch:
	case <-t.Context().Done():
	}
}
