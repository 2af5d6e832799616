package pipenet_test

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// Each of these leaves something unfinished. The bubble panics if a goroutine
// of it is left at its end, so that to return is the whole assertion.
func TestStart_BubbleEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		handle func(http.ResponseWriter, *http.Request)
		client func(*testing.T, *pipenet.Server)
	}{
		{"nothing done", respond, func(*testing.T, *pipenet.Server) {}},
		{"body left open", respond, func(t *testing.T, s *pipenet.Server) { get(t, s) }},
		{"body half read", respond, func(t *testing.T, s *pipenet.Server) {
			res := get(t, s)
			io.ReadFull(res.Body, make([]byte, 10))
		}},
		{"call forgotten", forever, func(t *testing.T, s *pipenet.Server) {
			s.Begin(s.NewRequest("GET", "/", nil))
			synctest.Wait()
		}},
		{"call just begun", forever, func(t *testing.T, s *pipenet.Server) {
			s.Begin(s.NewRequest("GET", "/", nil))
		}},
		{"call answered", respond, func(t *testing.T, s *pipenet.Server) {
			if _, err := s.Begin(s.NewRequest("GET", "/", nil)).Wait(); err != nil {
				t.Errorf("Wait() = %v, want a response", err)
			}
		}},
		{"handler asleep", func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Hour) // deaf to its context
			panic("a log line after the end")
		}, func(t *testing.T, s *pipenet.Server) {
			s.Begin(s.NewRequest("GET", "/", nil))
			synctest.Wait()
		}},
		{"connection idle", respond, func(t *testing.T, s *pipenet.Server) {
			io.Copy(io.Discard, get(t, s).Body)
			s.Dial()
		}},
		{"request half sent", respond, func(t *testing.T, s *pipenet.Server) {
			io.WriteString(s.Dial(), "GET / HTT")
		}},
		{"server closed", respond, func(t *testing.T, s *pipenet.Server) {
			get(t, s)
			s.Config.Close()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				c.client(t, pipenet.Start(t, p, http.HandlerFunc(c.handle)))
			})
		})
	}
}

func TestStart_BubbleEndsHijacked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := pipenet.Start(t, pipenet.HTTP1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Errorf("Hijack() = %v, want the connection", err)
				return
			}
			defer c.Close()
			io.Copy(io.Discard, c)
		}))
		io.WriteString(s.Dial(), "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
		synctest.Wait()
	})
}

func TestStart_OutsideBubble(t *testing.T) {
	t.Parallel()
	s := pipenet.Start(t, pipenet.HTTP2, http.HandlerFunc(respond))
	s.Begin(s.NewRequest("GET", "/", nil))
	if n, err := io.Copy(io.Discard, get(t, s).Body); n != 10*pipenet.Window || err != nil {
		t.Errorf("body: %d bytes, %v, want %d, nil", n, err, 10*pipenet.Window)
	}
}

func respond(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 10*pipenet.Window)) }

func forever(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func get(t *testing.T, s *pipenet.Server) *http.Response {
	t.Helper()
	res, err := s.Get("/")
	if err != nil {
		t.Fatalf("Get() = %v, want a response", err)
	}
	return res
}
