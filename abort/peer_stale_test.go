package abort_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
)

// A read deadline that a handler sets ends net/http's wait for the client's end, and
// with it the context of its connection, for all requests to come (golang/go#70834).
// net/http keeps that connection. The client of the next request is there: it has
// left nothing, and where lastbyte watches it, its request's context is alive.
func TestN9_ReadDeadlineOfAnEarlierRequest(t *testing.T) {
	for _, l := range []link{overTCP, overTLS} {
		for _, m := range mounts {
			for _, with := range []string{"nothing", "ConnContext", "Attach"} {
				for _, earlier := range []string{"lastbyte", "plain", "lastbyte, body"} {
					t.Run(l.name+" "+m.name+" "+with+" after "+earlier, func(t *testing.T) {
						t.Parallel()
						staleNext(t, l, m, with, earlier)
					})
				}
			}
		}
	}
}

func staleNext(t *testing.T, l link, m mount, with, earlier string) {
	misleads := func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if err := http.NewResponseController(w).SetReadDeadline(time.Now()); err != nil {
			t.Errorf("SetReadDeadline() = %v, want nil", err)
		}
		ctx, ok := r.Context().Value(outerKey{}).(context.Context)
		if !ok {
			ctx = r.Context()
		}
		waits(t, ctx)
		io.WriteString(w, "misled")
	}
	found, left := make(chan error, 1), make(chan *abort.Error, 1)
	s := open(t, l, m, abort.Options{}, func(s *site) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/misled":
				misleads(w, r)
			case "/next":
				err := r.Context().Err()
				if _, e := s.register(r.Context()); e != nil {
					t.Errorf("On() = %v, want nil", e)
				}
				if _, gone := abort.Cause(r.Context()); gone {
					t.Error("Cause() says that the client left, who is there")
				}
				io.WriteString(w, "next")
				found <- err
			case "/leaves":
				ch, _ := s.register(r.Context())
				w.(http.Flusher).Flush()
				left <- s.called(ch)
			}
		}
	}, func(srv *http.Server) {
		if with == "Attach" {
			srv.ConnContext = nil
		}
		inner := srv.Handler
		srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/plain" {
				misleads(w, r)
				return
			}
			inner.ServeHTTP(w, r)
		})
	}, func(srv *http.Server) {
		if with == "nothing" {
			srv.ConnContext = func(ctx context.Context, _ net.Conn) context.Context { return ctx }
		}
	})
	g := s.guest(t)
	first := map[string]string{
		"lastbyte":       "GET /misled HTTP/1.1\r\nHost: a\r\n\r\n",
		"lastbyte, body": "POST /misled HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
		"plain":          "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n",
	}[earlier]
	g.write(t, first)
	g.ok(t, "misled")
	if earlier != "plain" {
		if o := s.outcome(t, 0); o.Status != 200 || o.Abort != nil {
			t.Errorf("the first Outcome = %+v, want 200, no abort", o)
		}
	}
	for range 3 {
		g.begin(t, "GET", "/next", nil)
		g.ok(t, "next")
		if err := await(t, found, "request"); (err == nil) != (with != "nothing") {
			t.Errorf("the context of the next request ends with %v where %s is installed", err, with)
		}
		if o := s.outcome(t, 0); o.Status != 200 || o.Sent != 200 || o.Abort != nil {
			t.Errorf("Outcome = %+v, want 200, no abort", o)
		}
	}
	if with == "nothing" {
		return
	}
	g.begin(t, "GET", "/leaves", nil)
	if _, err := g.head(t); err != nil {
		t.Fatal(err)
	}
	g.tcp.Close()
	if e := await(t, left, "callback"); e == nil {
		t.Error("a client that leaves later is not noticed")
	}
}
