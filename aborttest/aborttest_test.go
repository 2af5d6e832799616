package aborttest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// ledger notes what is done to a database.
type ledger struct {
	mu    sync.Mutex
	lines []string
}

func (l *ledger) note(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

// take gives what was noted, and forgets it.
func (l *ledger) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

// report is a handler that runs a query for a minute, in a transaction.
func report(db *ledger) http.HandlerFunc {
	without := os.Getenv(withoutKey)
	return func(w http.ResponseWriter, r *http.Request) {
		db.note("begin")
		abort.On(r.Context(), func(ctx context.Context) {
			if without != "the exit" {
				exitcode.Exit(ctx, exitcode.ClientClosedRequest)
			}
			if without != "the rollback" {
				db.note("rollback")
			}
		})
		select {
		case <-time.After(time.Minute):
			db.note("commit")
		case <-r.Context().Done():
		}
	}
}

// The client leaves at 2 s, the transaction is rolled back, nothing else happens.
func TestRun_RollsBack(t *testing.T) {
	db := new(ledger)
	aborttest.Run(t, report(db), func(t *testing.T, c *aborttest.Client) {
		call := c.Get("/report")
		time.Sleep(2 * time.Second)
		call.Leave(aborttest.Close)
		o, did := call.Done(), db.take()
		if o.Status != 499 || o.Abort.Reason != "closed" || o.Abort.After != 2*time.Second || !slices.Equal(did, []string{"begin", "rollback"}) {
			t.Errorf("Outcome = %+v, done to the database: %q, want 499, closed after 2s, begin and rollback", o, did)
		}
	})
}

// The same where the client stays: a minute costs nothing.
func TestRun_Stays(t *testing.T) {
	db := new(ledger)
	aborttest.Run(t, report(db), func(t *testing.T, c *aborttest.Client) {
		if r := c.Get("/report").Response(); r.Status != 200 || r.Err != nil {
			t.Errorf("Response() = %+v, want 200", r)
		}
		if got := db.take(); !slices.Equal(got, []string{"begin", "commit"}) {
			t.Errorf("done to the database: %q, want begin and commit", got)
		}
	})
}

// Before a byte of a request the client may come and go.
func TestRun_LeavesBeforeAByte(t *testing.T) {
	aborttest.Run(t, http.HandlerFunc(waits), func(t *testing.T, c *aborttest.Client) {
		for _, way := range []aborttest.Way{aborttest.Close, aborttest.Reset, aborttest.HalfClose} {
			if err := c.Dial().Leave(way); err != nil {
				t.Errorf("Leave(%s) = %v, want nil", way, err)
			}
		}
		synctest.Wait()
		if calls := c.Calls(); len(calls) != 0 || c.Lifecycle().Stats().Requests != 0 {
			t.Errorf("Calls() = %v, want none", calls)
		}
	})
}

// After the response no client aborts, and a connection serves the next request. When
// that is aborted, nobody sends it again in the client's name.
func TestRun_SecondRequest(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/second" {
			waits(w, r)
		}
	})
	aborttest.Run(t, h, func(t *testing.T, c *aborttest.Client) {
		first := c.Get("/first")
		if r := first.Response(); r.Status != 200 || r.Err != nil {
			t.Errorf("Response() = %+v, want 200", r)
		}
		second := c.Get("/second")
		second.Arrived()
		second.Leave(aborttest.Close)
		if o := second.Outcome(); o.Abort == nil || o.Status != 499 {
			t.Errorf("the second Outcome = %+v, want an abort", o)
		}
		if o := first.Outcome(); o.Abort != nil {
			t.Errorf("the first Outcome = %+v, want no abort", o)
		}
		if n := c.Lifecycle().Stats().Requests; n != 2 {
			t.Errorf("the server got %d requests, want 2", n)
		}
	})
}

// A client that stops to read blocks the writes, and stays.
func TestRun_StopsReading(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).Flush()
		time.Sleep(time.Second)
		for range 10 << 20 / 4096 {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	})
	aborttest.Run(t, h, func(t *testing.T, c *aborttest.Client) {
		call := c.Get("/")
		call.Header()
		call.Leave(aborttest.StopReading)
		time.Sleep(time.Minute)
		if n := c.Lifecycle().Stats().Active; n != 1 {
			t.Fatalf("%d requests at work after a minute, want 1", n)
		}
		call.Leave(aborttest.Reset)
		if o := call.Outcome(); o.Abort == nil || o.Abort.Reason != "reset" || o.Abort.After != time.Minute {
			t.Errorf("Outcome = %+v, want a reset after 1m", o)
		}
	})
}

// Work after the response is waited for, with or without a client.
func TestRun_Done(t *testing.T) {
	db := new(ledger)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "got it")
		eof.Send(r.Context())
		eof.After(r.Context(), 24*time.Hour, func(context.Context) { db.note("task") })
		time.Sleep(time.Hour)
		db.note("handler")
	})
	aborttest.RunWith(t, aborttest.Options{Detach: true, Limit: 48 * time.Hour}, h, func(t *testing.T, c *aborttest.Client) {
		call := c.Post("/", "text/plain", http.NoBody) // what is unread may cost the connection, and half a second
		if r := call.Response(); r.Body != "got it" || r.Err != nil {
			t.Errorf("Response() = %+v, want the answer", r)
		}
		call.Leave(aborttest.Close)
		c.Lifecycle().Background().Every(t.Context(), time.Minute, "clock", func(context.Context) {}) // not waited for
		start := time.Now()
		if o := call.Done(); o.Abort != nil || o.Worked != time.Hour {
			t.Errorf("Done() = %+v, want an hour of work and no abort", o)
		}
		if took := time.Since(start); took != 24*time.Hour {
			t.Errorf("Done() took %v, want 24h", took)
		}
		if got := db.take(); !slices.Equal(got, []string{"handler", "task"}) {
			t.Errorf("done: %q, want the handler and then the task", got)
		}
		if log := call.Log(); strings.Count(log, "\n") != 2 || !strings.Contains(log, "eof_ms") {
			t.Errorf("Log() = %q, want the line of the request and that of the work", log)
		}
	})
}

// A Lifecycle of the user's serves one run after the other, and outside of bubbles.
func TestRun_Lifecycle(t *testing.T) {
	life := middleware.New(middleware.Options{})
	mux := http.NewServeMux()
	mux.Handle("GET /plain", life.Handler(http.HandlerFunc(waits)))
	mux.Handle("GET /detached", life.Detach(http.HandlerFunc(waits)))
	body := func(t *testing.T, c *aborttest.Client) {
		for _, path := range []string{"/plain", "/detached"} {
			call := c.Get(path)
			call.Arrived()
			call.Leave(aborttest.Timeout)
			if o := call.Done(); o.Abort == nil {
				t.Errorf("%s: Outcome = %+v, want an abort", path, o)
			}
		}
	}
	o := aborttest.Options{Lifecycle: life}
	for range 2 {
		aborttest.RunWith(t, o, mux, body)
		t.Run("Server", func(t *testing.T) { body(t, aborttest.ServerWith(t, o, mux)) })
	}
}

// The settings of the server are the user's, and so is the way to serve.
func TestRun_Server(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %t", secure), func(t *testing.T) {
			var states ledger
			aborttest.RunWith(t, aborttest.Options{
				TLS: secure,
				Server: func(srv *http.Server) {
					srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) })
					srv.ConnState = func(_ net.Conn, s http.ConnState) { states.note(s.String()) }
				},
			}, nil, func(t *testing.T, c *aborttest.Client) {
				if secure != strings.HasPrefix(c.URL(), "https://") {
					t.Errorf("URL() = %q", c.URL())
				}
				want := map[aborttest.Protocol]string{aborttest.HTTP1: "HTTP/1.1", aborttest.HTTP2: "HTTP/2.0"}[c.Protocol()]
				if r := c.Get("/").Response(); r.Body != want {
					t.Errorf("Response() = %+v, want %q", r, want)
				}
				if got := states.take(); !slices.Contains(got, "active") {
					t.Errorf("the server's own hook was told %q, want active", got)
				}
			})
		})
	}
}

// An ordinary client's requests are calls as well, and so is what is sent by hand.
func TestRun_OtherClients(t *testing.T) {
	aborttest.Run(t, http.HandlerFunc(waits), func(t *testing.T, c *aborttest.Client) {
		client := c.HTTP()
		client.Timeout = 3 * time.Second
		if _, err := client.Get("http://elsewhere.example/"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Get = %v, want a timeout", err)
		}
		if c.Protocol() == aborttest.HTTP1 {
			conn := c.Dial()
			io.WriteString(conn, "GET /raw HTTP/1.1\r\nHost: example.com\r\n\r\n")
			time.Sleep(3 * time.Second)
			c.Calls()[1].Leave(aborttest.Timeout)
		}
		for _, call := range c.Calls() {
			if o := call.Outcome(); o.Abort == nil || o.Abort.After != 3*time.Second {
				t.Errorf("%s: Outcome = %+v, want an abort after 3s", call, o)
			}
		}
	})
}

// A stalled body does not hold up what the server says to half of a request.
func TestStall_Answered(t *testing.T) {
	h := exitcode.Phase(func(w http.ResponseWriter, r *http.Request) exitcode.Code {
		if r.URL.Path == "/drop" {
			return exitcode.Close
		}
		return 413
	})(nil)
	aborttest.Run(t, h, func(t *testing.T, c *aborttest.Client) {
		for _, path := range []string{"/page", "/drop"} {
			call := c.Post(path, "text/plain", aborttest.StallAfter(strings.NewReader("half")))
			r := call.Response()
			if path == "/page" && r.Status != 413 || path == "/drop" && (r.Status != 0 || r.Err == nil) {
				t.Errorf("%s: Response() = %+v", path, r)
			}
			if o := call.Outcome(); o.Abort != nil {
				t.Errorf("%s: Outcome = %+v, want no abort", path, o)
			}
		}
	})
}
