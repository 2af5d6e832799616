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

	"github.com/lastbyte-go/lastbyte/abort"
)

// 1,000 clients that leave right after their request: each is noticed, once.
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

func races(t *testing.T, wr wire, send func(s *sockets, ctx context.Context, path string) error) {
	const n, clients = 1000, 8
	var called [n]atomic.Int32
	ended := make(chan error, n)
	s := kernel(t, abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var i int
		fmt.Sscanf(r.URL.Path, "/%d", &i)
		done := make(chan struct{})
		err := abort.On(r.Context(), func(context.Context) {
			if called[i].Add(1) == 1 {
				close(done)
			}
		})
		if err == nil {
			select {
			case <-done:
			case <-t.Context().Done(): // missed
			}
		}
		ended <- err
	})), wr, withConnContext)

	var senders sync.WaitGroup
	next := new(atomic.Int32)
	for range clients {
		senders.Go(func() {
			for i := next.Add(1) - 1; i < n; i = next.Add(1) - 1 {
				if err := send(s, t.Context(), fmt.Sprintf("/%d", i)); err != nil {
					t.Errorf("client %d: %v", i, err)
				}
			}
		})
	}
	for i := range n {
		if err := await(t, ended, fmt.Sprintf("callback after %d", i)); err != nil {
			t.Errorf("On() = %v, want nil", err)
		}
	}
	senders.Wait()
	for i := range called {
		if got := called[i].Load(); got != 1 {
			t.Errorf("callback of request %d ran %d times, want once", i, got)
		}
	}
}
