package middleware_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// An http.TimeoutHandler that gives up leaves its handler behind, and the
// connection to its next request.

// givenUp serves slow at /slow behind a TimeoutHandler of a second, and next at
// /next.
func givenUp(t *testing.T, p pipenet.Proto, life *middleware.Lifecycle, slow, next http.HandlerFunc) *pipenet.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/slow", http.TimeoutHandler(life.Handler(slow), time.Second, "too slow"))
	mux.Handle("/next", life.Handler(next))
	return pipenet.Start(t, p, mux, func(srv *http.Server) { life.Attach(srv) })
}

// want checks the answer to a POST of path, which is never tried twice.
func want(t *testing.T, s *pipenet.Server, path string, status int, body string) {
	t.Helper()
	res, err := s.Do(s.NewRequest("POST", path, nil))
	if err != nil {
		t.Errorf("POST %s = %v, want %d", path, err, status)
		return
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err != nil || res.StatusCode != status || string(b) != body {
		t.Errorf("POST %s = %d %q, %v, want %d %q", path, res.StatusCode, b, err, status, body)
	}
}

// Its exit cuts nobody's connection.
func TestTimeoutHandler_LateExit(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		life := newLife(t, middleware.Options{})
		s := givenUp(t, p, life, func(_ http.ResponseWriter, r *http.Request) {
			time.Sleep(3 * time.Second)
			exitcode.Exit(r.Context(), exitcode.Close)
		}, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(5 * time.Second)
			io.WriteString(w, "next")
		})
		want(t, s, "/slow", 503, "too slow")
		want(t, s, "/next", 200, "next")
	})
}

// What it defers does not wait for the connection's next response.
func TestTimeoutHandler_LateDefer(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		life := newLife(t, middleware.Options{})
		ran := make(chan time.Duration, 1)
		begin := time.Now()
		s := givenUp(t, p, life, func(_ http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), func(context.Context) { ran <- time.Since(begin) })
			time.Sleep(3 * time.Second)
		}, nil)
		want(t, s, "/slow", 503, "too slow")
		if d := <-ran; d != 3*time.Second {
			t.Errorf("the task ran after %v, want 3s, when its handler was back", d)
		}
	})
}

// gate holds up reads and writes until it is opened.
type gate struct{ in, open chan struct{} }

func newGate() gate { return gate{make(chan struct{}, 1), make(chan struct{})} }

func (g gate) pass() {
	g.in <- struct{}{}
	<-g.open
}

type heldBody struct {
	io.ReadCloser
	gate
}

func (b heldBody) Read(p []byte) (int, error) { b.pass(); return b.ReadCloser.Read(p) }

type heldWriter struct {
	http.ResponseWriter
	gate
}

func (w heldWriter) Write(p []byte) (int, error) { w.pass(); return w.ResponseWriter.Write(p) }

// A read of its body that is stuck is not freed by a deadline on the connection,
// which serves another request by then.
func TestTimeoutHandler_LateKick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		life := newLife(t, middleware.Options{})
		reading, writing := newGate(), newGate()
		inner := life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			read := make(chan struct{})
			go func() { defer close(read); io.ReadAll(r.Body) }()
			thread.Spawn(r.Context(), func(ctx context.Context) error {
				<-reading.in
				<-writing.in
				return exitcode.Exit(ctx, 503)
			})
			io.WriteString(w, "held up")
			<-read
		}))
		mux := http.NewServeMux()
		mux.Handle("/slow", life.Handler(http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body = heldBody{r.Body, reading}
			inner.ServeHTTP(heldWriter{w, writing}, r)
		}), time.Hour, "")))
		body := make(chan error, 1)
		mux.HandleFunc("/next", func(_ http.ResponseWriter, r *http.Request) { // without lastbyte
			_, err := io.ReadAll(r.Body)
			body <- err
		})
		s := pipenet.Start(t, pipenet.HTTP1, mux)
		c := s.Dial()
		io.WriteString(c, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || res.StatusCode != 503 {
			t.Fatalf("the first response = %v, %v, want 503", res, err)
		}
		io.Copy(io.Discard, res.Body)
		io.WriteString(c, "POST /next HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na")
		synctest.Wait()
		close(writing.open)
		synctest.Wait()
		close(reading.open)
		synctest.Wait()
		io.WriteString(c, "bc")
		if err := <-body; err != nil {
			t.Errorf("the body of the next request = %v, want nil", err)
		}
	})
}
