package abort_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
)

// healthy is how many requests each of the TestN1_Healthy to TestN6_Healthy sends:
// 10,000 if LASTBYTE_ABORT is set, shared by its kinds, links and mounts.
func healthy() int { return abortCount(160, 10_000) }

// abortCount is few, or all if LASTBYTE_ABORT is set.
func abortCount(few, all int) int {
	if os.Getenv("LASTBYTE_ABORT") != "" {
		return all
	}
	return few
}

// kind is a kind of request after which nobody has left.
type kind struct {
	name   string
	only   func(link, mount) bool // nil: all
	handle http.HandlerFunc       // after On and Done
	ask    func(t *testing.T, g *guest)
	// again: the client needs a new connection for the next one
	again func(link) bool
}

func get200(t *testing.T, g *guest) { get(t, g); g.ok(t, "answer") }

func answers(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "answer") }

func detaches(_ link, m mount) bool { return m.name == "detach" }
func http1(l link, _ mount) bool    { return !l.h2 }
func always(link) bool              { return true }
func onHTTP1(l link) bool           { return !l.h2 }

// stay shares the requests out to kinds, links and mounts, and has them come to no
// abort, no callback and no 499.
func stay(t *testing.T, ks []kind) {
	share := func(k kind, body func(l link, m mount)) {
		for _, l := range links {
			for _, m := range mounts {
				if k.only == nil || k.only(l, m) {
					body(l, m)
				}
			}
		}
	}
	places := 0
	for _, k := range ks {
		share(k, func(link, mount) { places++ })
	}
	n := (healthy() + places - 1) / places
	for _, k := range ks {
		t.Run(k.name, func(t *testing.T) {
			share(k, func(l link, m mount) {
				t.Run(l.name+" "+m.name, func(t *testing.T) { k.play(t, l, m, n) })
			})
		})
	}
}

// play sends n requests to a server of its own.
func (k kind) play(t *testing.T, l link, m mount, n int) {
	t.Parallel()
	s := open(t, l, m, abort.Options{}, k.handler, farLimits)
	var g *guest
	for range n {
		if g == nil || k.again != nil && k.again(l) {
			g = s.guest(t)
		}
		k.ask(t, g)
		s.stays(t, 1)
		if t.Failed() {
			return
		}
	}
}

// farLimits has every deadline set, and none of them pass.
func farLimits(srv *http.Server) {
	srv.ReadTimeout, srv.WriteTimeout, srv.IdleTimeout = time.Hour, time.Hour, time.Hour
}

func (k kind) handler(s *site) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.register(r.Context()); err != nil {
			panic(err)
		}
		r.Context().Done()
		k.handle(w, r)
	}
}

// healed answers if the request's context is as it was, and what the client did
// is no abort.
func healed(w http.ResponseWriter, r *http.Request) {
	err, wrapped := r.Context().Err(), abort.Wrap(r.Context(), io.EOF)
	if err != nil || wrapped != io.EOF {
		fmt.Fprintf(w, "Err, Wrap(EOF) = %v, %v", err, wrapped)
		return
	}
	answers(w, r)
}

func TestN1_Healthy(t *testing.T) {
	send := func(text string) func(*testing.T, *guest) {
		return func(t *testing.T, g *guest) {
			if g.h2 != nil {
				g.begin(t, "POST", "/", strings.NewReader("12345"))
			} else {
				g.write(t, text)
			}
			g.ok(t, "answer")
		}
	}
	post5 := post(5, 5)
	stay(t, []kind{
		{name: "GET", handle: healed, ask: get200},
		{name: "body read", ask: send(post5), handle: func(w http.ResponseWriter, r *http.Request) {
			if b, err := io.ReadAll(r.Body); err != nil || string(b) != post5[len(post5)-5:] && string(b) != "12345" {
				fmt.Fprintf(w, "body = %q, %v", b, err)
				return
			}
			healed(w, r)
		}},
		{name: "body unread", handle: healed, ask: send(post5)},
		{name: "flushed", ask: get200, handle: func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "ans")
			http.NewResponseController(w).Flush()
			io.WriteString(w, "wer")
		}},
		{name: "pipelined", only: http1, handle: healed, ask: func(t *testing.T, g *guest) {
			g.write(t, strings.Repeat("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", 2))
			g.ok(t, "answer")
			g.ok(t, "answer")
			g.site.stays(t, 1) // and the other one by who asked
		}},
	})
}

// The server stops while its clients have requests under way, after some that
// were nothing special.
func TestN2_Healthy(t *testing.T) {
	before := abortCount(2, 20) // of each client
	stops := []string{"Close", "Shutdown", "BaseContext"}
	share := len(stops) * len(links) * crowd * (before + 1)
	rounds := (healthy() + share - 1) / share
	for _, stop := range stops {
		t.Run(stop, func(t *testing.T) {
			for _, l := range links {
				t.Run(l.name, func(t *testing.T) {
					t.Parallel()
					for i := range rounds {
						t.Run("", func(t *testing.T) { stopped(t, l, mounts[i%len(mounts)], stop, before) })
					}
				})
			}
		})
	}
}

func stopped(t *testing.T, l link, m mount, stop string, before int) {
	base, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun, release := make(chan struct{}, crowd), make(chan struct{})
	k := kind{handle: func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/held" {
			begun <- struct{}{}
			<-release
			if errors.Is(abort.Wrap(r.Context(), io.EOF), abort.ErrClientAborted) {
				panic("an abort")
			}
		}
		answers(w, r)
	}}
	s := open(t, l, m, abort.Options{}, k.handler, func(srv *http.Server) {
		srv.BaseContext = func(net.Listener) context.Context { return base }
	})
	var gs []*guest
	for range crowd {
		g := s.guest(t)
		for range before {
			get200(t, g)
			s.stays(t, 1)
		}
		g.begin(t, "GET", "/held", nil)
		await(t, begun, "request")
		gs = append(gs, g)
	}
	down := make(chan error, 1)
	switch stop {
	case "Close":
		gone := leaveAtTheEnd(gs)
		s.Config.Close()
		await(t, gone, "end of the clients")
	case "Shutdown":
		go func() { down <- s.Config.Shutdown(t.Context()) }()
	case "BaseContext":
		cancel()
	}
	close(release)
	for _, g := range gs {
		if stop == "Shutdown" || stop == "BaseContext" && !l.h2 { // there the server gives streams up
			g.ok(t, "answer")
		}
	}
	s.stays(t, crowd)
	if stop == "Shutdown" {
		if err := await(t, down, "Shutdown"); err != nil {
			t.Errorf("Shutdown() = %v, want nil", err)
		}
	}
}
