package abort_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
	"golang.org/x/sys/unix"
)

// silence is what a handler does while its client's machine loses its power, and
// what it has to find out.
type silence struct {
	name   string
	clock  clock
	text   string // the request on HTTP/1
	handle func(*silent) http.HandlerFunc
	check  func(*testing.T, *silent)
}

const justGet = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"

// A client that has lost its power or network sends nothing. What finds out is a
// clock, here the kernel's: this is a test that takes seconds of real time, all
// its clients the same two or three. That nobody notices without a clock cannot
// be shown by waiting.
func TestA_SilentPeer(t *testing.T) {
	t.Parallel()
	cases := []silence{
		{"A9 written once", userTimeout(overTCP, gaveUp), justGet, writesOnce, foundLater},
		{"A9 written once", userTimeout(overH2C, gaveUpH2), "", writesOnce, foundLater},
		{"A9 writes on", userTimeout(overTCP, gaveUp), justGet, writesOn, foundByWriting},
		{"A9 writes on", userTimeout(overH2C, gaveUpH2), "", writesOn, foundByWriting},
		{"A9 writes on", writeByteTimeout(), "", writesOn, foundByWriting},
		{"A10 body read", keepAlive(overTCP, gaveUp), post(5, 2), reads, foundByReading},
	}
	for _, a := range asks {
		handle, check := holds(a)
		for _, c := range []clock{keepAlive(overTCP, gaveUp), keepAlive(overH2C, gaveUpH2), pings()} {
			cases = append(cases, silence{a.name, c, justGet, handle, check})
		}
	}
	servers, clients := veth(t)
	cut := make(chan struct{})
	var all []*silent
	for _, c := range cases {
		for _, with := range []bool{true, false} {
			all = append(all, c.begin(t, servers, clients, with, cut))
		}
	}
	clients.ip(t, "link set "+clientLink+" down")
	close(cut)
	for _, s := range all {
		t.Run(fmt.Sprintf("%s, %s, %s, ConnContext %t", s.name, s.link.name, s.clock.name, s.with), func(t *testing.T) {
			s.check(t, s)
		})
	}
}

// holds is a handler that says nothing: keep-alive or HTTP/2's ping asks.
func holds(a ask) (func(*silent) http.HandlerFunc, func(*testing.T, *silent)) {
	handle := func(s *silent) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) {
			close(s.begun)
			e, ok := a.wait(s.site, r.Context())
			s.found <- seen{e, ok}
		}
	}
	return handle, func(t *testing.T, s *silent) {
		got := await(t, s.found, "end of the client")
		s.left(t, got.e, got.ok)
		if o := s.outcome(t, a.calls); o.Status != a.status || o.Abort != got.e {
			t.Errorf("Outcome = %d, %v, want %d, %v", o.Status, o.Abort, a.status, got.e)
		}
	}
}

// reads is in the middle of a body. Its read ends with the kernel's ETIMEDOUT,
// which is no read deadline: nobody had set one.
func reads(s *silent) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		called, err := s.register(r.Context())
		io.ReadFull(r.Body, make([]byte, 2))
		close(s.begun)
		_, rerr := io.ReadAll(r.Body)
		s.errs <- errors.Join(err, rerr)
		s.called(called)
	}
}

func foundByReading(t *testing.T, s *silent) {
	err := await(t, s.errs, "end of the body")
	// EHOSTUNREACH: an ICMP error came in between.
	if !errors.Is(err, abort.ErrClientAborted) || !errors.Is(err, io.ErrUnexpectedEOF) ||
		!errors.Is(err, unix.ETIMEDOUT) && !errors.Is(err, unix.EHOSTUNREACH) {
		t.Errorf("Read(Body) = %v, want %v, %v, and the kernel's word", err, abort.ErrClientAborted, io.ErrUnexpectedEOF)
	}
	o := s.outcome(t, 1)
	s.left(t, o.Abort, o.Abort != nil, abort.Reset)
}

// writesOnce writes into nowhere: the kernel takes it, and says nothing until it
// has given up sending it again.
func writesOnce(s *silent) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		called, err := s.register(r.Context())
		close(s.begun)
		s.awaitCut()
		_, werr := io.WriteString(w, "anybody there?")
		s.errs <- errors.Join(err, werr, http.NewResponseController(w).Flush())
		s.called(called)
	}
}

func foundLater(t *testing.T, s *silent) {
	if err := await(t, s.errs, "the handler's errors"); err != nil {
		t.Errorf("On, Write, Flush = %v, want nil: the kernel has it", err)
	}
	o := s.outcome(t, 1)
	s.left(t, o.Abort, o.Abort != nil)
}

// writesOn is stuck in a write when the kernel gives up.
func writesOn(s *silent) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		called, err := s.register(r.Context())
		close(s.begun)
		s.awaitCut()
		some := make([]byte, 64<<10)
		for err == nil {
			_, err = w.Write(some)
		}
		s.errs <- abort.Wrap(r.Context(), err)
		s.called(called)
		s.errs <- r.Context().Err()
	}
}

func foundByWriting(t *testing.T, s *silent) {
	if err := await(t, s.errs, "the write's error"); !errors.Is(err, abort.ErrClientAborted) {
		t.Errorf("Wrap(Write) = %v, want %v", err, abort.ErrClientAborted)
	}
	if err := await(t, s.errs, "Err of the context"); err != nil {
		t.Errorf("Err() of the context = %v, want nil: the callback decides", err)
	}
	o := s.outcome(t, 1)
	s.left(t, o.Abort, o.Abort != nil, abort.Reset, abort.WriteFailed)
}
