package abort_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
)

// A client that sends its last bytes and a FIN behind them
// ended the context of a handler that had not read them yet. The abort is judged
// when the receive queue is empty.
func TestA16_NothingReceivedIsLost(t *testing.T) {
	const messages = 16
	message := strings.Repeat("x", 2<<10)
	for _, l := range []link{overTCP, overTLS} {
		for _, m := range mounts {
			for _, a := range asks {
				t.Run(l.name+" "+m.name+" "+a.name, func(t *testing.T) {
					t.Parallel()
					step, errs, found := make(chan struct{}), make(chan error, 1), make(chan seen, 1)
					s := open(t, l, m, abort.Options{}, func(s *site) http.HandlerFunc {
						return func(w http.ResponseWriter, r *http.Request) {
							ctx := r.Context()
							wait := a.arm(s, ctx)
							c, err := takes(w)
							if err != nil {
								errs <- err
								return
							}
							defer c.Close()
							var middle time.Time
							for i := range messages { // slowly
								<-step
								if i == messages/2 {
									middle = time.Now()
								}
								_, rerr := io.ReadFull(c, make([]byte, len(message)))
								cerr := ctx.Err()
								// From the middle on, the rest may be in the buffer of TLS, and the
								// kernel's empty: then lastbyte waits ten milliseconds.
								if i >= messages/2 && time.Since(middle) >= 10*time.Millisecond {
									cerr = nil
								}
								err = errors.Join(err, rerr, cerr)
							}
							errs <- err
							e, ok := wait()
							found <- seen{e, ok}
						}
					})
					g := s.guest(t)
					g.upgrade(t)
					for range messages { // on TLS a record each
						g.write(t, message)
					}
					how := map[bool]way{false: wayFIN, true: wayTLS}[l.secure]
					how.do(g)
					for i := range messages {
						if i == 1 { // long after the FIN
							s.seesTheEnd(t)
						}
						step <- struct{}{}
					}
					if err := await(t, errs, "all that was received"); err != nil {
						t.Errorf("Read, Err() of the context = %v, want nil", err)
					}
					got := await(t, found, "end of the client")
					left(t, got.e, got.ok, how)
				})
			}
		}
	}
}

// seesTheEnd returns when another client's end has been noticed by the watcher
// that serves all of them.
func (s *site) seesTheEnd(t *testing.T) {
	t.Helper()
	seen := make(chan struct{})
	other := open(t, overTCP, mounts[0], abort.Options{}, func(*site) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) {
			waits(t, r.Context())
			close(seen)
		}
	})
	g := other.guest(t)
	get(t, g)
	wayRST.do(g)
	await(t, seen, "end of another client")
}

// With Wrap, too, what is unread comes first.
func TestA16_WrapBeforeTheRestIsRead(t *testing.T) {
	t.Parallel()
	arrived, errs := make(chan struct{}), make(chan error, 2)
	s := open(t, overTCP, mounts[0], abort.Options{}, func(*site) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			c, err := takes(w)
			if err != nil {
				errs <- err
				return
			}
			defer c.Close()
			<-arrived
			_, _ = c.Read(make([]byte, 1))
			errs <- abort.Wrap(ctx, context.DeadlineExceeded)
			_, err = io.Copy(io.Discard, c)
			errs <- abort.Wrap(ctx, errors.Join(err, io.EOF))
		}
	})
	g := s.guest(t)
	g.upgrade(t)
	g.write(t, "two")
	wayFIN.do(g)
	s.seesTheEnd(t)
	close(arrived)
	if err := await(t, errs, "Wrap"); errors.Is(err, abort.ErrClientAborted) {
		t.Errorf("Wrap with bytes unread = %v, want no abort", err)
	}
	if err := await(t, errs, "Wrap"); !errors.Is(err, abort.ErrClientAborted) {
		t.Errorf("Wrap at the end = %v, want an abort", err)
	}
	s.outcome(t, 0)
}
