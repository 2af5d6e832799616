package abort_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
)

// crowd is how many clients a server has when it stops.
const crowd = 12

// stays asserts that n requests ended without an abort, and gives their statuses.
func (s *site) stays(t *testing.T, n int) (statuses []int) {
	t.Helper()
	for range n {
		o := s.outcome(t, 0)
		if o.Abort != nil || o.Status == 499 {
			t.Errorf("Outcome = %d, %v, want no 499, no abort", o.Status, o.Abort)
		}
		statuses = append(statuses, o.Status)
	}
	if st := s.life.Stats(); st.Aborts != 0 {
		t.Errorf("Stats().Aborts = %d, want 0", st.Aborts)
	}
	return statuses
}

// working makes the handler of a test whose server does something while it works:
// it registers, waits until wait lets it, and hands over what it found.
func working(begun chan<- error, wait func(ctx context.Context), found chan<- error) func(*site) http.HandlerFunc {
	return func(s *site) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			_, err := s.register(ctx)
			ctx.Done()
			begun <- err
			wait(ctx)
			found <- errors.Join(ctx.Err(), abort.Wrap(ctx, io.EOF))
			io.WriteString(w, "answer")
		}
	}
}

// leaveAtTheEnd has every client leave as soon as it sees the server's end.
func leaveAtTheEnd(gs []*guest) (gone <-chan struct{}) {
	each, all := make(chan struct{}, len(gs)), make(chan struct{})
	for _, g := range gs {
		go func() {
			if g.h2 == nil {
				io.Copy(io.Discard, g.in)
			} else {
				<-g.heads
			}
			g.tcp.SetLinger(0)
			g.tcp.Close()
			each <- struct{}{}
		}()
	}
	go func() {
		for range gs {
			<-each
		}
		close(all)
	}()
	return all
}

func TestN2_ServerClose(t *testing.T) {
	for _, l := range links {
		for _, m := range mounts {
			t.Run(l.name+" "+m.name, func(t *testing.T) {
				t.Parallel()
				begun, found := make(chan error, crowd), make(chan error, crowd)
				looking := make(chan struct{})
				s := open(t, l, m, abort.Options{}, working(begun, func(ctx context.Context) {
					waits(t, ctx) // it ends as it does without lastbyte
					<-looking     // and the clients have seen it, and left
				}, found))
				var gs []*guest
				for range crowd {
					g := s.guest(t)
					get(t, g)
					if err := await(t, begun, "request"); err != nil {
						t.Errorf("On() = %v, want nil", err)
					}
					gs = append(gs, g)
				}
				gone := leaveAtTheEnd(gs)
				if err := s.Config.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
					t.Errorf("Close() = %v, want nil", err)
				}
				await(t, gone, "end of the clients")
				close(looking)
				for range crowd {
					if err := await(t, found, "handler"); !errors.Is(err, context.Canceled) || errors.Is(err, abort.ErrClientAborted) {
						t.Errorf("Err, Wrap(EOF) = %v, want Canceled, EOF", err)
					}
				}
				s.stays(t, crowd)
			})
		}
	}
}

// Nobody asks before the server closes, which with an unread body net/http does
// not tell its handlers.
func TestN2_ServerClose_BodyUnread(t *testing.T) {
	for _, l := range []link{overTCP, overTLS} {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			begun, found, closed := make(chan error, crowd), make(chan error, crowd), make(chan struct{})
			s := open(t, l, mounts[0], abort.Options{}, working(begun, func(context.Context) { <-closed }, found))
			var gs []*guest
			for range crowd {
				g := s.guest(t)
				g.write(t, post(5, 2))
				await(t, begun, "request")
				gs = append(gs, g)
			}
			gone := leaveAtTheEnd(gs)
			s.Config.Close()
			await(t, gone, "end of the clients")
			close(closed)
			for range crowd {
				if err := await(t, found, "handler"); errors.Is(err, abort.ErrClientAborted) {
					t.Errorf("Err, Wrap(EOF) = %v, want no abort", err)
				}
			}
			s.stays(t, crowd)
		})
	}
}

// Server.Shutdown waits: the handlers' contexts live on, their answers arrive.
func TestN2_ServerShutdown(t *testing.T) {
	for _, l := range links {
		for _, m := range mounts {
			t.Run(l.name+" "+m.name, func(t *testing.T) {
				t.Parallel()
				begun, found, release := make(chan error, 1), make(chan error, 1), make(chan struct{})
				stopping := make(chan struct{})
				s := open(t, l, m, abort.Options{}, working(begun, func(context.Context) { <-release }, found),
					func(srv *http.Server) { srv.RegisterOnShutdown(func() { close(stopping) }) })
				g := s.guest(t)
				get(t, g)
				await(t, begun, "request")
				down := make(chan error, 1)
				go func() { down <- s.Config.Shutdown(t.Context()) }()
				await(t, stopping, "shutdown hook")
				close(release)
				if err := await(t, found, "handler"); errors.Is(err, context.Canceled) || errors.Is(err, abort.ErrClientAborted) {
					t.Errorf("Err, Wrap(EOF) = %v, want EOF alone", err)
				}
				g.ok(t, "answer")
				if err := await(t, down, "Shutdown"); err != nil {
					t.Errorf("Shutdown() = %v, want nil", err)
				}
				s.stays(t, 1)
			})
		}
	}
}

// A client that leaves while the server is being shut down is an abort as ever.
func TestA1_DuringShutdown(t *testing.T) {
	for _, l := range links {
		ways := []way{wayFIN, wayRST}
		if l.h2 {
			ways = []way{wayFIN.either(), wayRST.either()}
		}
		for _, how := range ways {
			t.Run(l.name+" "+how.name, func(t *testing.T) {
				t.Parallel()
				begun, stopping := make(chan struct{}), make(chan struct{})
				s := open(t, l, mounts[0], abort.Options{}, func(s *site) http.HandlerFunc {
					return func(_ http.ResponseWriter, r *http.Request) {
						s.register(r.Context())
						close(begun)
						waits(t, outer(r.Context()))
					}
				}, func(srv *http.Server) { srv.RegisterOnShutdown(func() { close(stopping) }) })
				g := s.guest(t)
				get(t, g)
				await(t, begun, "request")
				down := make(chan error, 1)
				go func() { down <- s.Config.Shutdown(t.Context()) }()
				await(t, stopping, "shutdown hook")
				how.do(g)
				o := s.outcome(t, 1)
				left(t, o.Abort, o.Abort != nil, how)
				await(t, down, "Shutdown")
			})
		}
	}
}

var errStop = errors.New("the base context's own cause")

// The end of the BaseContext reaches the handler with its cause, plain or not.
func TestN2_BaseContextCancelled(t *testing.T) {
	for _, l := range links {
		for _, cause := range []error{nil, errStop} {
			for _, m := range mounts {
				name := map[bool]string{true: " plain", false: " cause"}[cause == nil]
				t.Run(l.name+name+" "+m.name, func(t *testing.T) {
					t.Parallel()
					baseEnds(t, l, m, cause)
				})
			}
		}
	}
}

func baseEnds(t *testing.T, l link, m mount, cause error) {
	base, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	begun, found, causes := make(chan error, 1), make(chan error, 1), make(chan error, 1)
	s := open(t, l, m, abort.Options{}, working(begun, func(ctx context.Context) {
		waits(t, ctx)
		causes <- context.Cause(ctx)
	}, found), func(srv *http.Server) {
		srv.BaseContext = func(net.Listener) context.Context { return base }
	})
	g := s.guest(t)
	get(t, g)
	await(t, begun, "request")
	stop(cause)
	want := cause
	if want == nil {
		want = context.Canceled
	}
	if got := await(t, causes, "end of the context"); got != want {
		t.Errorf("Cause = %v, want %v", got, want)
	}
	if err := await(t, found, "handler"); !errors.Is(err, context.Canceled) || errors.Is(err, abort.ErrClientAborted) {
		t.Errorf("Err, Wrap(EOF) = %v, want Canceled, EOF", err)
	}
	if !l.h2 { // there the server gives the stream up
		g.ok(t, "answer")
	}
	s.stays(t, 1)
}

// A client that leaves afterwards is one that left.
func TestA1_AfterBaseContextCancelled(t *testing.T) {
	for _, l := range []link{overTCP, overTLS} {
		for _, how := range []way{wayFIN, wayRST} {
			t.Run(l.name+" "+how.name, func(t *testing.T) {
				t.Parallel()
				base, stop := context.WithCancel(t.Context())
				defer stop()
				begun, ended := make(chan struct{}), make(chan struct{})
				s := open(t, l, mounts[0], abort.Options{}, func(s *site) http.HandlerFunc {
					return func(_ http.ResponseWriter, r *http.Request) {
						called, err := s.register(r.Context())
						close(begun)
						waits(t, r.Context())
						close(ended)
						if err == nil {
							s.called(called)
						}
					}
				}, func(srv *http.Server) {
					srv.BaseContext = func(net.Listener) context.Context { return base }
				})
				g := s.guest(t)
				get(t, g)
				await(t, begun, "request")
				stop()
				await(t, ended, "end of the context")
				how.do(g)
				o := s.outcome(t, 1)
				left(t, o.Abort, o.Abort != nil, how)
			})
		}
	}
}
