package pipenet_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// waiter sends the end of its request's context to its channel.
type waiter chan error

func (ended waiter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/header" {
		http.NewResponseController(w).Flush()
	}
	<-r.Context().Done()
	ended <- r.Context().Err()
}

func TestBegin_Cancel(t *testing.T) {
	for _, path := range []string{"/", "/header"} {
		t.Run("of "+path, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				ended := make(waiter, 1)
				s := pipenet.Start(t, p, ended)
				call := s.Begin(s.NewRequest("GET", path, nil))
				synctest.Wait()
				if len(ended) > 0 {
					t.Fatal("request ended before Cancel, want it to wait")
				}
				call.Cancel()
				if err := <-ended; err != context.Canceled {
					t.Errorf("the handler's context ends with %v, want %v", err, context.Canceled)
				}
				res, err := call.Wait()
				if path == "/" && !errors.Is(err, context.Canceled) {
					t.Errorf("Wait() = %v, want %v", err, context.Canceled)
				}
				if path == "/header" {
					if err != nil {
						t.Fatalf("Wait() = %v, want a response", err)
					}
					if _, err := io.ReadAll(res.Body); !errors.Is(err, context.Canceled) {
						t.Errorf("reading the body = %v, want %v", err, context.Canceled)
					}
				}
			})
		})
	}
}

func TestConns_Reset(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		ended := make(waiter, 1)
		s := pipenet.Start(t, p, ended)
		call := s.Begin(s.NewRequest("GET", "/", nil))
		synctest.Wait()
		s.Conns()[0].Reset()
		<-ended
		if res, err := call.Wait(); err == nil {
			t.Errorf("Wait() = %v, want an error", res.Status)
		}
	})
}

func TestDial_Text(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ended := make(waiter, 1)
		s := pipenet.Start(t, pipenet.HTTP1, ended)
		c := s.Dial()
		io.WriteString(c, "GET /header HTTP/1.1\r\nHost: example.com\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("ReadResponse = %v, %v, want 200", res, err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatalf("CloseWrite() = %v, want nil", err)
		}
		if err := <-ended; err != context.Canceled {
			t.Errorf("the handler's context ends with %v, want %v", err, context.Canceled)
		}
		if _, err := io.ReadAll(res.Body); err != nil {
			t.Errorf("the half-closed client reads %v, want the whole response", err)
		}
	})
}
