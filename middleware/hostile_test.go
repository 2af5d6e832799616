package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// trickle is a request body that comes a byte at a time.
type trickle struct{ left int }

func (t *trickle) Read(p []byte) (int, error) {
	time.Sleep(5 * time.Second)
	if t.left--; t.left < 0 {
		return 0, io.EOF
	}
	p[0] = 'x'
	return 1, nil
}

// atRest fails the test unless every request is over, and none was aborted.
func atRest(t *testing.T, life *middleware.Lifecycle, requests uint64) {
	t.Helper()
	synctest.Wait()
	if st := life.Stats(); st.Active != 0 || st.Background.Detached != 0 || st.Aborts != 0 || st.Requests != requests {
		t.Errorf("Stats() = %+v, want %d requests, all over, no abort", st, requests)
	}
}

// Clients that send a byte of the body now and then hold up nobody but
// themselves, up to the server's ReadTimeout, and are not taken for aborts.
func TestHostile_SlowLoris(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		const clients = 20
		errs := make(chan error, clients)
		life := newLife(t, middleware.Options{})
		s := pipenet.Start(t, p, m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/read":
				_, err := io.Copy(io.Discard, r.Body)
				errs <- err
			case "/exit":
				_ = exitcode.Exit(r.Context(), 403)
			case "/send":
				_, _ = io.WriteString(w, "sent")
				if err := eof.Send(r.Context()); err != nil {
					t.Errorf("Send() = %v, want nil", err)
				}
			}
		})), func(srv *http.Server) { srv.ReadTimeout = 30 * time.Second }, life.Attach)

		for range clients {
			s.Begin(s.NewRequest("POST", "/read", &trickle{1000}))
		}
		time.Sleep(time.Second)
		begin, requests := time.Now(), uint64(clients)
		for path, want := range map[string]int{"/exit": 403, "/send": 200} {
			if path == "/send" && m.name != "Detach" {
				continue // net/http reads the body first
			}
			requests++
			res, err := s.Do(s.NewRequest("POST", path, &trickle{1000}))
			if err != nil {
				t.Fatalf("%s: %v, want an answer", path, err)
			}
			_, err = io.ReadAll(res.Body)
			if d := time.Since(begin); res.StatusCode != want || err != nil || d != 0 {
				t.Errorf("%s: %s, %v, after %v, want %d at once", path, res.Status, err, d, want)
			}
			defer res.Body.Close() // net/http's HTTP/2 client waits for the trickle here
		}
		time.Sleep(time.Minute)
		for range clients {
			if err := take(t, errs, "/read"); err == nil || errors.Is(err, abort.ErrClientAborted) {
				t.Errorf("Read() = %v, want a timeout that is no abort", err)
			}
		}
		atRest(t, life, requests)
	})
}

// A client that does not read keeps its handler in a Write until the server's
// WriteTimeout, or an exit that drops the connection. Neither is an abort.
func TestHostile_ClientNeverReads(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		const clients = 3
		stuck := make(chan time.Duration, 2*clients)
		life := newLife(t, middleware.Options{})
		s := pipenet.Start(t, p, m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begin := time.Now()
			if r.URL.Path == "/exit" {
				_, err := thread.Spawn(r.Context(), func(ctx context.Context) error {
					time.Sleep(time.Second)
					return exitcode.Exit(ctx, exitcode.Close)
				})
				if err != nil {
					t.Errorf("Spawn() = %v, want nil", err)
				}
			}
			for chunk := make([]byte, 1<<20); ; {
				if _, err := w.Write(chunk); err != nil {
					break
				}
			}
			stuck <- time.Since(begin)
		})), func(srv *http.Server) { srv.WriteTimeout = 10 * time.Second }, life.Attach)

		for path, want := range map[string]time.Duration{"/": 10 * time.Second, "/exit": time.Second} {
			for range clients {
				if p == pipenet.HTTP2 {
					s.Begin(s.NewRequest("GET", path, nil))
					continue
				}
				fmt.Fprintf(s.Dial(), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
			}
			time.Sleep(time.Minute)
			for range clients {
				if got := take(t, stuck, path); got != want {
					t.Errorf("%s: the handler wrote for %v, want %v", path, got, want)
				}
			}
		}
		atRest(t, life, 2*clients)
	})
}
