package abort_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
)

// The server's ReadTimeout is for the request body alone: its reads fail.
func TestN3_ReadTimeout(t *testing.T) {
	t.Parallel()
	eachLink(t, links, func(t *testing.T, l link, m mount) {
		found := make(chan deadlineSeen, 1)
		s, g := deadlines(t, l, m, bodyTimesOut(t, found), l.readLimit)
		g.beginBody(t)
		await(t, found, "timeout").assert(t, nil)
		g.ok(t, "answer")
		s.stays(t, 1)
	})
}

// limit is the constant, or more where a TLS handshake has to be done within it: the
// machine may be busy.
func (l link) limit() time.Duration {
	if l.secure {
		return 4 * limit
	}
	return limit
}

// readLimit leaves an idle connection, which ReadTimeout counts for too, alone.
func (l link) readLimit(srv *http.Server) { srv.ReadTimeout, srv.IdleTimeout = l.limit(), time.Hour }

func bodyTimesOut(t *testing.T, found chan<- deadlineSeen) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		if errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, abort.ErrClientAborted) {
			err = nil
		}
		if r.ProtoMajor == 1 {
			waits(t, outer(r.Context())) // net/http cancels it for that
		}
		found <- look(r.Context(), err)
		io.WriteString(w, "answer")
	}
}

// The clock of the ReadTimeout starts before the request: with the connection,
// for its first request, and with the first byte for a later one.
func TestN3_ReadTimeout_SlowClient(t *testing.T) {
	t.Parallel()
	for _, second := range []bool{false, true} {
		t.Run(fmt.Sprintf("second %t", second), func(t *testing.T) {
			t.Parallel()
			eachLink(t, []link{overTCP, overTLS}, func(t *testing.T, l link, m mount) { slowClient(t, l, m, second) })
		})
	}
}

func slowClient(t *testing.T, l link, m mount, second bool) {
	found := make(chan deadlineSeen, 1)
	s, g := deadlines(t, l, m, bodyTimesOut(t, found), func(srv *http.Server) {
		srv.ReadTimeout, srv.IdleTimeout = 2*l.limit(), time.Hour
	})
	request := post(5, 2)
	if second {
		g.write(t, "GET /hello HTTP/1.1\r\nHost: example.com\r\n\r\n")
		g.ok(t, "hello")
		g.write(t, request[:1])
		request = request[1:]
	}
	g.conn.SetReadDeadline(time.Now().Add(limit / 2))
	if n, err := g.conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("client's Read() = %d, %v, want its own deadline", n, err)
	}
	g.conn.SetReadDeadline(time.Time{})
	g.write(t, request)
	await(t, found, "timeout").assert(t, nil)
	g.ok(t, "answer")
	s.stays(t, 1)
}

// A Write that waits for a client which does not read ends by the deadline, the
// server's or the handler's, and so does a stream on HTTP/2 that nobody writes to.
func TestN3_WriteTimeout(t *testing.T) {
	t.Parallel()
	for _, writes := range []bool{true, false} {
		for _, servers := range []bool{true, false} {
			t.Run(fmt.Sprintf("writes %t, server's %t", writes, servers), func(t *testing.T) {
				t.Parallel()
				eachLink(t, links, func(t *testing.T, l link, m mount) {
					switch {
					case !writes && !l.h2:
						t.Skip("nothing happens on HTTP/1")
					case servers && l.secure:
						t.Skip("the handshake would count as well")
					}
					writeTimesOut(t, l, m, writes, servers)
				})
			})
		}
	}
}

func writeTimesOut(t *testing.T, l link, m mount, writes, servers bool) {
	text := strings.Repeat("x", 64<<10)
	found := make(chan deadlineSeen, 1)
	s, g := deadlines(t, l, m, func(w http.ResponseWriter, r *http.Request) {
		var err error
		if !servers {
			err = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(soon))
		}
		for writes && err == nil {
			_, err = io.WriteString(w, text)
		}
		if l.h2 {
			waits(t, r.Context())
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			err = nil
		}
		found <- look(r.Context(), map[bool]error{false: err}[l.h2])
	}, func(srv *http.Server) {
		if servers {
			srv.WriteTimeout = limit
		}
		if l.h2 { // a quarter of it is for what lies between the starts of stream and request
			srv.WriteTimeout *= 2
		}
	})
	if !l.h2 { // there the Transport holds the body back
		g.tcp.SetReadBuffer(4096)
	}
	get(t, g)
	if l.secure && !l.h2 {
		// A server that closes a TLS connection has five seconds for the
		// close_notify, which stands behind what the client has not read.
		late := time.AfterFunc(2*soon, func() {
			g.tcp.SetReadBuffer(4 << 20) // a small one lets a little pass each time
			io.Copy(io.Discard, g.tcp)
		})
		defer late.Stop()
	}
	// Where a Write has failed, net/http closes the connection.
	await(t, found, "timeout").assert(t, context.Canceled)
	if st := s.stays(t, 1); st[0] != 200 {
		t.Errorf("Outcome.Status = %d, want 200", st[0])
	}
}

// IdleTimeout closes the connection between two requests, and never during one.
func TestN3_IdleTimeout(t *testing.T) {
	t.Parallel()
	eachLink(t, links, func(t *testing.T, l link, m mount) {
		release := make(chan struct{}, 1)
		s, g := deadlines(t, l, m, func(w http.ResponseWriter, r *http.Request) {
			<-release
			io.WriteString(w, "answer")
		}, func(srv *http.Server) { srv.IdleTimeout = limit })
		get(t, g)
		longer := time.NewTimer(limit + soon)
		defer longer.Stop()
		<-longer.C
		release <- struct{}{}
		g.ok(t, "answer")
		if !l.h2 {
			if b, err := g.in.ReadByte(); err != io.EOF {
				t.Errorf("client's Read() = %d, %v, want EOF", b, err)
			}
			g.conn.Close()
		}
		await(t, g.told.ended, "end of the connection")
		s.stays(t, 1)
	})
}
