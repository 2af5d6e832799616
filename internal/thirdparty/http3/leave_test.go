package thirdparty_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// leaving are the ways of a client to leave.
var leaving = []struct {
	name string
	do   func(s *site, cancel context.CancelFunc, c *quic.Conn)
}{
	{"cancels the request", func(_ *site, cancel context.CancelFunc, _ *quic.Conn) { cancel() }},
	{"closes the connection", func(_ *site, _ context.CancelFunc, c *quic.Conn) { c.CloseWithError(0x100, "") }},
	{"closes the connection with an error", func(_ *site, _ context.CancelFunc, c *quic.Conn) { c.CloseWithError(0x102, "") }},
	{"closes its transport", func(s *site, _ context.CancelFunc, _ *quic.Conn) { s.client.Close() }},
}

// A client that leaves an HTTP/3 request is an abort, with
// and without a callback, whether the handler has read the body or not, and
// before or after the header.
func TestA8_ClientLeaves(t *testing.T) {
	for _, m := range mounts {
		for _, leave := range leaving {
			for _, callback := range []bool{false, true} {
				for _, at := range []string{"waiting", "body unread", "flushed", "reading", "writing"} {
					t.Run(fmt.Sprintf("%s/%s/%s/callback %v", m.name, leave.name, at, callback), func(t *testing.T) {
						t.Parallel()
						clientLeaves(t, m, at, callback, leave.do)
					})
				}
			}
		}
	}
}

func clientLeaves(t *testing.T, m mount, at string, callback bool, leave func(*site, context.CancelFunc, *quic.Conn)) {
	begun, called := make(chan struct{}, 1), make(chan *abort.Error, 4)
	s := open(t, m, func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if callback {
			if err := abort.On(ctx, func(ctx context.Context) {
				e, _ := abort.Cause(ctx)
				called <- e
				exitcode.Exit(ctx, exitcode.ClientClosedRequest)
			}); err != nil {
				t.Errorf("On() = %v, want nil", err)
			}
		}
		switch at {
		case "flushed":
			w.(http.Flusher).Flush()
		case "reading":
			begun <- struct{}{}
			if _, err := io.Copy(io.Discard, r.Body); !errors.Is(err, abort.ErrClientAborted) {
				t.Errorf("Read() = %v, want ErrClientAborted", err)
			}
		case "writing":
			begun <- struct{}{}
			for err := error(nil); err == nil; {
				_, err = w.Write(make([]byte, 64<<10))
			}
		}
		select {
		case begun <- struct{}{}:
		default:
		}
		<-ctx.Done()
		if _, ok := abort.Cause(ctx); !ok && !callback {
			t.Errorf("the context ends with %v, want an abort", context.Cause(ctx))
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var body io.Reader
	pr, pw := io.Pipe()
	defer pw.Close()
	if at == "body unread" || at == "reading" {
		body = pr
	}
	got := make(chan answer, 1)
	go func() {
		req, _ := http.NewRequestWithContext(ctx, "POST", s.url, body)
		resp, err := s.client.RoundTrip(req)
		if err == nil {
			defer resp.Body.Close()
			<-ctx.Done()
		}
		got <- answer{err: err}
	}()
	if body != nil {
		go io.WriteString(pw, "a part of it")
	}
	testkit.Await(t, begun, "the handler")
	leave(s, cancel, testkit.Await(t, s.conns, "the connection"))
	if callback {
		if e := testkit.Await(t, called, "the callback"); e == nil {
			t.Error("Cause() in the callback = nil, want an *abort.Error")
		}
	}
	o := testkit.Await(t, s.ended, "OnEnd")
	if o.Abort == nil || len(called) > 0 {
		t.Errorf("Outcome.Abort = %v, %d callbacks too many, want one abort", o.Abort, len(called))
	}
	if want := map[bool]int{false: 499, true: 200}[at == "flushed" || at == "writing"]; o.Status != want && !(callback && o.Status == 499) {
		t.Errorf("Outcome.Status = %d, want %d", o.Status, want)
	}
	cancel()
	testkit.Await(t, got, "the client")
}

// A client that is cut off says nothing, and is gone when the idle timeout passes.
func TestA8_ClientIsLost(t *testing.T) {
	t.Parallel() // it takes 5 seconds, the least that quic-go lets a client choose
	begun, called := make(chan struct{}), make(chan *abort.Error, 1)
	s := open(t, mounts[0], func(_ http.ResponseWriter, r *http.Request) {
		if err := abort.On(r.Context(), func(ctx context.Context) {
			e, _ := abort.Cause(ctx)
			called <- e
			exitcode.Exit(ctx, exitcode.ClientClosedRequest)
		}); err != nil {
			t.Errorf("On() = %v, want nil", err)
		}
		close(begun)
		<-r.Context().Done()
	})
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s.client.Dial = func(ctx context.Context, addr string, tc *tls.Config, qc *quic.Config) (*quic.Conn, error) {
		to, err := net.ResolveUDPAddr("udp", addr)
		if err != nil {
			return nil, err
		}
		qc = &quic.Config{MaxIdleTimeout: time.Second}
		return quic.Dial(ctx, udp, to, tc, qc)
	}
	go s.get(t.Context(), "GET", nil)
	testkit.Await(t, begun, "the handler")
	udp.Close()
	if e := testkit.Await(t, called, "the callback"); e == nil || e.Reason != "reset" {
		t.Errorf("Cause() = %v, want reset", e)
	}
}

// N2: what the server ends is no abort, and the context of the request ends with
// it, whatever the handler does. The stream's context ends first, without a cause.
func TestN2_ServerCloses(t *testing.T) {
	for _, m := range mounts {
		for _, how := range []string{"Close", "Shutdown"} {
			for _, at := range []string{"waiting", "reading", "writing"} {
				t.Run(m.name+"/"+how+"/"+at, func(t *testing.T) {
					for range 10 {
						serverCloses(t, m, how, at)
					}
				})
			}
		}
	}
}

func serverCloses(t *testing.T, m mount, how, at string) {
	begun, called := make(chan struct{}), make(chan struct{})
	s := open(t, m, func(w http.ResponseWriter, r *http.Request) {
		if err := abort.On(r.Context(), func(context.Context) { close(called) }); err != nil {
			t.Errorf("On() = %v, want nil", err)
		}
		close(begun)
		switch at {
		case "reading":
			io.Copy(io.Discard, r.Body)
		case "writing":
			for err := error(nil); err == nil; {
				_, err = w.Write(make([]byte, 64<<10))
			}
		}
		select {
		case <-r.Context().Done():
		case <-called:
		}
	})
	over, client := make(chan struct{}), make(chan struct{})
	pr, pw := io.Pipe()
	defer func() { close(over); pw.Close(); <-client }()
	go func() {
		req, _ := http.NewRequestWithContext(t.Context(), "POST", s.url, pr)
		if resp, err := s.client.RoundTrip(req); err == nil {
			defer resp.Body.Close()
			<-over
		}
		close(client)
	}()
	testkit.Await(t, begun, "the handler")
	if how == "Close" {
		s.server.Close()
	} else {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s.server.Shutdown(ctx)
	}
	select {
	case <-called:
		t.Error("the callback runs, want no abort")
	default:
	}
	if st := s.life.Stats(); st.Aborts != 0 {
		t.Errorf("Stats().Aborts = %d, want 0", st.Aborts)
	}
}

// A client that stays has its answer, and a body that the handler does not read
// changes nothing.
func TestN1_ClientStays(t *testing.T) {
	for _, m := range mounts {
		s := open(t, m, func(w http.ResponseWriter, r *http.Request) {
			abort.On(r.Context(), func(context.Context) { t.Error("the callback runs, want no abort") })
			io.WriteString(w, "answer")
		})
		for range 20 {
			if a := s.get(t.Context(), "POST", strings.NewReader(strings.Repeat("y", 100<<10))); a.err != nil || a.body != "answer" {
				t.Errorf("%s: the client has %q, %v, want its answer", m.name, a.body, a.err)
			}
			if o := testkit.Await(t, s.ended, "OnEnd"); o.Abort != nil || o.Status != 200 {
				t.Errorf("%s: Outcome = %d, %v, want 200, no abort", m.name, o.Status, o.Abort)
			}
		}
	}
}
