package abort_test

import (
	"context"
	crypto "crypto/tls"
	"fmt"
	"log"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
)

// The time from the client's close to the callback's first line, over the
// loopback interface: one client at a time, and a server that is at rest when it
// leaves.

func BenchmarkAbort_FIN(b *testing.B) { departing(b, false, "", asDialed) }
func BenchmarkAbort_RST(b *testing.B) { departing(b, false, "", resetting) }
func BenchmarkAbort_TLS(b *testing.B) { departing(b, true, "", asDialed) }

// Where net/http is blind, the watcher of sockets is the only witness.
func BenchmarkAbort_FIN_BodyUnread(b *testing.B) {
	departing(b, false, "Content-Length: 9\r\n", asDialed)
}

func asDialed(net.Conn) {}

// resetting makes a reset of the close to come.
func resetting(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }

// rest is how long a connection is left alone before its client leaves: the
// server's threads sleep by then, as those of a server do that waits.
const rest = time.Millisecond

// departing reports the time that clients' departures take, p50 and p99, in
// microseconds. The client's close is part of it, and takes close-p50-us itself:
// the kernel delivers the end within it.
func departing(b *testing.B, secure bool, header string, prepare func(net.Conn)) {
	h := newHeld(b, secure)
	var took, closes []time.Duration
	timer := time.NewTimer(rest)
	defer timer.Stop()
	for b.Loop() {
		c := h.dial(b)
		prepare(c)
		if _, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: example.com\r\n%s\r\n", header); err != nil {
			b.Fatalf("client's Write = %v, want nil", err)
		}
		h.next(b, h.begun, "request")
		timer.Reset(rest)
		<-timer.C
		left := time.Now()
		if err := c.Close(); err != nil {
			b.Fatalf("client's Close = %v, want nil", err)
		}
		closes = append(closes, time.Since(left))
		took = append(took, h.next(b, h.called, "callback").Sub(left))
		h.next(b, h.over, "end of the handler")
	}
	slices.Sort(took)
	slices.Sort(closes)
	b.ReportMetric(micros(took[len(took)/2]), "p50-us")
	b.ReportMetric(micros(took[len(took)*99/100]), "p99-us")
	b.ReportMetric(micros(closes[len(closes)/2]), "close-p50-us")
	b.ReportMetric(0, "ns/op") // it includes the dialing
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// held is a server whose handlers wait for their clients to leave.
type held struct {
	addr                string
	tls                 *crypto.Config // nil: no TLS
	begun, called, over chan time.Time
}

func newHeld(tb testing.TB, secure bool) *held {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("Listen() = %v, want a listener", err)
	}
	h := &held{addr: ln.Addr().String(), begun: make(chan time.Time, 1), called: make(chan time.Time, 1), over: make(chan time.Time, 1)}
	if secure {
		h.tls = &crypto.Config{InsecureSkipVerify: true}
		ln = crypto.NewListener(ln, &crypto.Config{
			SessionTicketsDisabled: true, // one that is unread makes a reset of a close
			Certificates:           []crypto.Certificate{certificate()},
		})
	}
	srv := &http.Server{
		Handler:     abort.Check(http.HandlerFunc(h.serve)),
		ConnContext: abort.ConnContext,
		ErrorLog:    log.New(tb.Output(), "", 0),
	}
	go srv.Serve(ln)
	tb.Cleanup(func() { srv.Close() })
	return h
}

func (h *held) serve(_ http.ResponseWriter, r *http.Request) {
	gone := make(chan struct{})
	err := abort.On(r.Context(), func(context.Context) {
		now := time.Now()
		h.called <- now
		close(gone)
	})
	if err != nil {
		panic(err)
	}
	h.begun <- time.Time{}
	<-gone
	h.over <- time.Time{}
}

func (h *held) dial(tb testing.TB) net.Conn {
	tb.Helper()
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		tb.Fatalf("Dial() = %v, want a connection", err)
	}
	if h.tls == nil {
		return c
	}
	t := crypto.Client(c, h.tls)
	if err := t.Handshake(); err != nil {
		tb.Fatalf("Handshake() = %v, want nil", err)
	}
	return t
}

func (h *held) next(tb testing.TB, ch <-chan time.Time, what string) time.Time {
	tb.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	select {
	case at := <-ch:
		return at
	case <-limit.C:
		tb.Fatalf("%s: nothing came, want one", what)
		panic("unreachable")
	}
}
