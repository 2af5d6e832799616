package request_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// Bodies arrive while gates close: the last bytes of a request body come at about
// the time when its response ends. Whatever wins, no rest of a body is served as a
// request, no later request begins with a context that has ended, and no callback
// runs for a client that stays.
func TestN9_BodiesArriveWhileGatesClose(t *testing.T) {
	t.Parallel()
	const workers = 8
	rounds := testkit.Rounds(25, 150)
	for _, m := range leaseMounts {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			var aborts, dead, strays, kept atomic.Int64
			life := middleware.New(middleware.Options{})
			check := func(w http.ResponseWriter, r *http.Request) {
				if r.Context().Err() != nil {
					dead.Add(1)
				}
				if r.URL.Path == "/stray" {
					strays.Add(1)
				}
			}
			wrapped := m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				check(w, r)
				abort.On(r.Context(), func(context.Context) { aborts.Add(1) })
				if r.Method == "POST" {
					arriving(w, r, m)
				}
			}))
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/plain" {
					check(w, r)
					return
				}
				wrapped.ServeHTTP(w, r)
			}))
			if m.attached {
				life.Attach(s.Config)
			}
			// net/http itself panics where it reads the rest of a body after the response
			// (golang/go#68560), and drops the connection.
			s.Config.ErrorLog = log.New(io.Discard, "", 0)
			s.Start()
			var wg sync.WaitGroup
			for range workers {
				wg.Go(func() {
					for range rounds {
						kept.Add(int64(arrive(s.Listener.Addr().String())))
					}
				})
			}
			wg.Wait()
			s.Close()
			life.Shutdown(context.Background())
			if a, d, n := aborts.Load(), dead.Load(), strays.Load(); a+d+n > 0 {
				t.Errorf("%d aborts, %d requests whose context had ended, %d requests out of a body; want none", a, d, n)
			}
			t.Logf("%d requests on kept connections", kept.Load())
		})
	}
}

// arriving ends the response while its body is being read.
func arriving(w http.ResponseWriter, r *http.Request, m leaseMount) {
	rc := http.NewResponseController(w)
	if rand.IntN(2) == 0 {
		rc.EnableFullDuplex()
		io.WriteString(w, "begun")
		rc.Flush()
	}
	if rand.IntN(3) > 0 {
		begun := make(chan struct{})
		go func() {
			close(begun)
			io.Copy(io.Discard, r.Body)
		}()
		<-begun
	}
	pass(rand.IntN(200))
	e := lastActs[rand.IntN(len(lastActs))]
	if e.name != "panic" && e.name != "Send, and work" && (m.sends || e.name != "Send") {
		e.end(r.Context())
	}
}

// pass takes a little time, which grows with n.
func pass(n int) {
	for begin := time.Now(); n > 0 && time.Since(begin) < time.Second; n-- {
	}
}

// arrive sends a request whose body comes in two parts, and then, if it may, two
// more on the same connection. It gives the number of those that were answered.
func arrive(addr string) (kept int) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return 0
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	io.WriteString(c, fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", len(stray)))
	pass(rand.IntN(400))
	io.WriteString(c, stray)
	in := bufio.NewReader(c)
	for i, path := range []string{"", "/next", "/plain"} {
		if path != "" {
			fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path)
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return i
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.Close {
			return i
		}
	}
	return 2
}
