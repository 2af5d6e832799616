package abort_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
)

// closer is a way for a program to close a connection of its server.
type closer struct {
	name   string
	rounds int
	do     func(s *site, c net.Conn)
}

// A connection that the program itself closes was taken for
// the client's end on HTTP/2. The client answers with its own end at once.
func TestN2_TheProgramClosesTheConnection(t *testing.T) {
	closers := []closer{
		{"CloseClientConnections", departures, func(s *site, _ net.Conn) { s.CloseClientConnections() }},
		{"Close of the net.Conn", departures, func(_ *site, c net.Conn) { c.Close() }},
		{"Server.Close", 1, func(s *site, _ net.Conn) { s.Config.Close() }},
	}
	for _, l := range links {
		for _, m := range mounts {
			for _, attached := range []bool{false, true} {
				for _, c := range closers {
					t.Run(name(l, attached)+" "+m.name+" "+c.name, func(t *testing.T) {
						t.Parallel()
						programCloses(t, l, m, attached, c)
					})
				}
			}
		}
	}
}

func programCloses(t *testing.T, l link, m mount, attached bool, c closer) {
	begun, found := make(chan error, crowd), make(chan error, crowd)
	conns := make(chan net.Conn, crowd)
	s := open(t, l, m, abort.Options{}, working(begun, func(ctx context.Context) { waits(t, ctx) }, found),
		attach(attached), func(srv *http.Server) {
			own := srv.ConnState
			srv.ConnState = func(c net.Conn, state http.ConnState) {
				if state == http.StateNew {
					conns <- c
				}
				if own != nil {
					own(c, state)
				}
			}
		})
	for range c.rounds {
		g := s.guest(t)
		get(t, g)
		if err := await(t, begun, "request"); err != nil {
			t.Errorf("On() = %v, want nil", err)
		}
		gone := leaveAtTheEnd([]*guest{g})
		c.do(s, <-conns)
		await(t, gone, "end of the client")
		if err := await(t, found, "handler"); !errors.Is(err, context.Canceled) || errors.Is(err, abort.ErrClientAborted) {
			t.Errorf("Err, Wrap(EOF) = %v, want Canceled, EOF", err)
		}
		s.stays(t, 1)
	}
}
