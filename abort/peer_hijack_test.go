package abort_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
)

// takes hijacks the connection and says so to the client.
func takes(w http.ResponseWriter) (net.Conn, error) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_, err = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	}
	return c, err
}

// upgrade sends a request and waits for the 101.
func (g *guest) upgrade(t *testing.T) {
	t.Helper()
	g.write(t, "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	res, err := g.head(t)
	if err != nil || res.StatusCode != 101 {
		t.Fatalf("response = %v, %v, want 101", res, err)
	}
}

// hijacks plays a departure from a hijacked connection for both ways to ask.
func hijacks(t *testing.T, how way, behind string, h func(s *site, a ask, c net.Conn, r *http.Request) seen) {
	for _, l := range []link{overTCP, overTLS} {
		if l == overTLS && (how.name == wayFIN.name || how.name == wayClose.name) {
			how = wayTLS
		}
		for _, m := range mounts {
			for _, a := range asks {
				t.Run(l.name+" "+how.name+" "+m.name+" "+a.name, func(t *testing.T) {
					t.Parallel()
					found := make(chan seen, 1)
					s := open(t, l, m, abort.Options{}, func(s *site) http.HandlerFunc {
						return func(w http.ResponseWriter, r *http.Request) {
							c, err := takes(w)
							if err != nil {
								found <- seen{nil, false}
								return
							}
							defer c.Close()
							found <- h(s, a, c, r)
						}
					})
					for i := range int32(departures) {
						g := s.guest(t)
						g.upgrade(t)
						g.write(t, behind)
						how.do(g)
						got := await(t, found, "end of the client")
						left(t, got.e, got.ok, how)
						if o := s.outcome(t, a.calls*(i+1)); !o.Hijacked || o.Status != 101 || o.Abort != got.e {
							t.Errorf("Outcome = %d, hijacked %t, %v, want 101, true, %v", o.Status, o.Hijacked, o.Abort, got.e)
						}
					}
				})
			}
		}
	}
}

// The handler holds the connection and does not read.
func TestA7_HandlerHoldsTheConnection(t *testing.T) {
	for _, how := range []way{wayFIN, wayClose, wayRST} {
		hijacks(t, how, "", func(s *site, a ask, _ net.Conn, r *http.Request) seen {
			e, ok := a.wait(s, r.Context())
			return seen{e, ok}
		})
	}
}

// What the client has sent last is not read either. A reset does not wait for
// that; a FIN does, see A16.
func TestA7_BytesUnread(t *testing.T) {
	for _, how := range []way{wayRST} {
		hijacks(t, how, "a frame", func(s *site, a ask, _ net.Conn, r *http.Request) seen {
			e, ok := a.wait(s, r.Context())
			return seen{e, ok}
		})
	}
}

// The handler sits in a Read of its own when the client goes.
func TestA7_HandlerReads(t *testing.T) {
	for _, how := range []way{wayClose, wayRST} {
		hijacks(t, how, "", func(s *site, a ask, c net.Conn, r *http.Request) seen {
			read := make(chan error, 1)
			go func() {
				_, err := io.Copy(io.Discard, c)
				read <- err
			}()
			e, ok := a.wait(s, r.Context())
			<-read
			return seen{e, ok}
		})
	}
}

// The handler's own Read sees the end first, and it returns without a close:
// net/http never closes what was hijacked.
func TestA7_HandlerReturnsFirst(t *testing.T) {
	for _, how := range []way{wayFIN, wayRST} {
		for _, l := range []link{overTCP, overTLS} {
			t.Run(l.name+" "+how.name, func(t *testing.T) {
				t.Parallel()
				conns, errs := make(chan net.Conn, 1), make(chan error, 1)
				s := open(t, l, mounts[0], abort.Options{}, func(s *site) http.HandlerFunc {
					return func(w http.ResponseWriter, r *http.Request) {
						_, rerr := s.register(r.Context())
						c, herr := takes(w)
						errs <- errors.Join(rerr, herr)
						if herr == nil {
							conns <- c
							io.Copy(io.Discard, c)
						}
					}
				})
				for i := range int32(20) {
					g := s.guest(t)
					g.upgrade(t)
					if err := await(t, errs, "hijack"); err != nil {
						t.Fatalf("On(), Hijack() = %v, want nil", err)
					}
					how.do(g)
					o := s.outcome(t, i+1)
					left(t, o.Abort, o.Abort != nil, how)
					(<-conns).Close()
				}
			})
		}
	}
}

// Wrap asks the socket while it is open, so it knows although the handler
// closes before anyone else could tell.
func TestA7b_WrapBeforeTheClose(t *testing.T) {
	for _, how := range []way{wayFIN, wayRST, wayTLS} {
		for _, l := range []link{overTCP, overTLS} {
			wrapsFirst(t, l, how, func(*guest) {})
		}
	}
}

// A client says close_notify, and its FIN is a packet of its own.
func TestA7b_CloseNotify(t *testing.T) {
	wrapsFirst(t, overTLS, wayNotify, func(g *guest) { g.tcp.CloseWrite() })
}

// wrapsFirst has a client leave, and do more when the handler has met its end. Wrap waits
// 12 ms for that; where a busy machine has taken longer, the handler's close comes first.
func wrapsFirst(t *testing.T, l link, how way, more func(*guest)) {
	for _, m := range mounts {
		t.Run(l.name+" "+how.name+" "+m.name, func(t *testing.T) {
			t.Parallel()
			met, errs := make(chan time.Time, 1), make(chan error, 1)
			s := open(t, l, m, abort.Options{}, func(s *site) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					_, rerr := s.register(r.Context())
					c, err := takes(w)
					if rerr != nil || err != nil {
						errs <- errors.Join(rerr, err)
						return
					}
					_, err = c.Read(make([]byte, 1))
					met <- time.Now()
					wrapped := abort.Wrap(r.Context(), err)
					c.Close()
					if !errors.Is(wrapped, err) {
						wrapped = errors.Join(errors.New("Wrap lost the error"), err, wrapped)
					}
					errs <- wrapped
				}
			})
			calls := int32(0)
			for range 20 {
				g := s.guest(t)
				g.upgrade(t)
				how.do(g)
				begin := await(t, met, "end of the client")
				more(g)
				late := time.Since(begin) > 10*time.Millisecond
				err := await(t, errs, "the read's error")
				e, ok := errors.AsType[*abort.Error](err)
				if ok || !late {
					left(t, e, ok, how)
					calls++
				}
				if o := s.outcome(t, calls); o.Abort != e {
					t.Errorf("Outcome.Abort = %v, want %v", o.Abort, e)
				}
			}
		})
	}
}

// The server closes first: what the client does then is no abort, whoever asks.
func TestA7_ServerClosesFirst(t *testing.T) {
	for _, l := range []link{overTCP, overTLS} {
		for _, m := range mounts {
			t.Run(l.name+" "+m.name, func(t *testing.T) {
				t.Parallel()
				closed, gone, errs := make(chan struct{}, 1), make(chan struct{}), make(chan error, 1)
				s := open(t, l, m, abort.Options{}, func(s *site) http.HandlerFunc {
					return func(w http.ResponseWriter, r *http.Request) {
						_, rerr := s.register(r.Context())
						c, err := takes(w)
						if err == nil {
							err = c.Close()
						}
						closed <- struct{}{}
						<-gone
						errs <- errors.Join(rerr, err, abort.Wrap(r.Context(), io.EOF), context.Cause(r.Context()))
					}
				})
				for range 20 {
					g := s.guest(t)
					g.upgrade(t)
					await(t, closed, "the handler's Close")
					if n, err := g.in.Read(make([]byte, 1)); err != io.EOF {
						t.Errorf("client's Read() = %d, %v, want EOF", n, err)
					}
					wayRST.do(g)
					gone <- struct{}{}
					if err := await(t, errs, "the handler's errors"); !errors.Is(err, io.EOF) || errors.Is(err, abort.ErrClientAborted) || errors.Is(err, context.Canceled) {
						t.Errorf("On, Close, Wrap(EOF), Cause = %v, want EOF alone", err)
					}
					if o := s.outcome(t, 0); o.Abort != nil || o.Status != 101 {
						t.Errorf("Outcome = %d, %v, want 101, no abort", o.Status, o.Abort)
					}
				}
			})
		}
	}
}

// IgnoreHalfClose holds for a hijacked connection, too: RST alone ends it.
func TestA7_IgnoreHalfClose(t *testing.T) {
	t.Parallel()
	read := make(chan error, 1)
	s := open(t, overTCP, mounts[0], abort.Options{IgnoreHalfClose: true}, func(s *site) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			called, rerr := s.register(r.Context())
			c, err := takes(w)
			if err != nil {
				read <- err
				return
			}
			defer c.Close()
			_, err = c.Read(make([]byte, 1))
			read <- errors.Join(rerr, abort.Wrap(r.Context(), err))
			s.called(called)
		}
	})
	g := s.guest(t)
	g.upgrade(t)
	wayFIN.do(g)
	if err := await(t, read, "read"); !errors.Is(err, io.EOF) || errors.Is(err, abort.ErrClientAborted) {
		t.Errorf("Wrap(Read) after a half-close = %v, want EOF alone", err)
	}
	wayRST.do(g)
	o := s.outcome(t, 1)
	left(t, o.Abort, o.Abort != nil, wayRST)
}
