package abort_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// Clients that leave right after their request, 1,000 of them if LASTBYTE_LONG is set:
// each is noticed, once.
func TestA6_Socket_FIN(t *testing.T) {
	t.Parallel()
	races(t, tcp, func(s *sockets, ctx context.Context, path string) error {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", s.Listener.Addr().String())
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: example.com\r\n\r\n", path)
		return errors.Join(err, c.Close())
	})
}

func TestA6_Socket_StreamReset(t *testing.T) {
	t.Parallel()
	races(t, tls, func(s *sockets, ctx context.Context, path string) error {
		req, err := http.NewRequestWithContext(ctx, "GET", s.URL+path, nil)
		if err != nil {
			return err
		}
		if res, err := s.client.Do(atOnce(req)); err == nil {
			res.Body.Close()
			return fmt.Errorf("%s has a response, want the client's own cancel", path)
		}
		return nil
	})
}

// races sends n requests, a few at a time, and looks at what became of each.
func races(t *testing.T, wr wire, send func(s *sockets, ctx context.Context, path string) error) {
	const clients = 8
	n := testkit.Rounds(200, 1000)
	bound, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	called, begun := make([]atomic.Int32, n), make([]atomic.Int32, n)
	ended := make([]chan error, n)
	for i := range ended {
		ended[i] = make(chan error, 1)
	}
	s := kernel(t, abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var i int
		fmt.Sscanf(r.URL.Path, "/%d", &i)
		begun[i].Add(1)
		done := make(chan struct{})
		err := abort.On(r.Context(), func(context.Context) {
			if called[i].Add(1) == 1 {
				close(done)
			}
		})
		if err == nil {
			select {
			case <-done:
			case <-bound.Done(): // missed
			}
		}
		ended[i] <- err
	})), wr, withConnContext)

	var senders sync.WaitGroup
	next := new(atomic.Int32)
	for range clients {
		senders.Go(func() {
			for i := next.Add(1) - 1; i < int32(n) && bound.Err() == nil; i = next.Add(1) - 1 {
				if err := send(s, bound, fmt.Sprintf("/%d", i)); err != nil {
					t.Errorf("client %d: %v", i, err)
				}
				select { // or a server would have too many of a client's streams
				case err := <-ended[i]:
					if err != nil {
						t.Errorf("On() of request %d = %v, want nil", i, err)
					}
				case <-bound.Done():
				}
			}
		})
	}
	senders.Wait()
	s.Close() // waits for the handlers, and so for callbacks
	for i := range called {
		if b, c := begun[i].Load(), called[i].Load(); b != 1 || c != 1 {
			t.Errorf("request %d began %d times, its callback %d times, want once", i, b, c)
		}
	}
}
