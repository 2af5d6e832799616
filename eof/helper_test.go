package eof_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

const answer = "got the task!\n"

// bubble runs body once, for what has no second protocol or none at all.
func bubble(t *testing.T, body func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, body)
}

// background makes a Background and drains it when the test ends, so that no
// work outlives its bubble.
func background(t *testing.T, o eof.Options) *eof.Background {
	t.Helper()
	b := eof.New(o)
	t.Cleanup(func() { shutdown(t, b) })
	return b
}

// serve serves f inside wrap.
func serve(t *testing.T, p pipenet.Proto, wrap func(http.Handler) http.Handler, f http.HandlerFunc) *pipenet.Server {
	t.Helper()
	return pipenet.Start(t, p, wrap(f))
}

// reply is a response, read to its end.
type reply struct {
	status int
	header http.Header
	length int64 // Content-Length, -1 if unknown
	body   string
	err    error // of the body
	res    *http.Response
}

// do sends r and reads the whole response. It fails the test if there is none.
func do(t testing.TB, s *pipenet.Server, r *http.Request) reply {
	t.Helper()
	res, err := s.Do(r)
	return read(t, res, err)
}

// get is do for a GET of path.
func get(t testing.TB, s *pipenet.Server, path string) reply {
	t.Helper()
	return do(t, s, s.NewRequest("GET", path, nil))
}

func read(t testing.TB, res *http.Response, err error) reply {
	t.Helper()
	if err != nil {
		t.Fatalf("the request fails with %v, want a response", err)
	}
	r := reply{status: res.StatusCode, header: res.Header, length: res.ContentLength, res: res}
	b, err := io.ReadAll(res.Body)
	res.Body.Close()
	r.body, r.err = string(b), err
	return r
}

// want checks the status and the body of r.
func (r reply) want(t testing.TB, status int, body string) {
	t.Helper()
	if r.err != nil {
		t.Errorf("reading the body fails with %v, want all of it", r.err)
	}
	if r.status != status || r.body != body {
		t.Errorf("response = %d %.60q (%d bytes), want %d %.60q (%d bytes)",
			r.status, r.body, len(r.body), status, body, len(body))
	}
}

// at checks how much of the bubble's time has passed since start.
func at(t testing.TB, what string, start time.Time, want time.Duration) {
	t.Helper()
	if d := time.Since(start); d != want {
		t.Errorf("%s at +%v, want +%v", what, d, want)
	}
}

// wantErr checks an error under errors.Is.
func wantErr(t testing.TB, call string, got, want error) {
	t.Helper()
	if want == nil && got != nil || want != nil && !errors.Is(got, want) {
		t.Errorf("%s = %v, want %v", call, got, want)
	}
}

// raw writes text to a new connection and reads one response to a GET from it;
// rest is what follows until the server closes.
func raw(t testing.TB, s *pipenet.Server, text string) (r reply, rest *bufio.Reader) {
	t.Helper()
	c := s.Dial()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatalf("writing the request: %v", err)
	}
	rest = bufio.NewReader(c)
	res, err := http.ReadResponse(rest, nil)
	return read(t, res, err), rest
}

// shutdown drains b with all the time there is.
func shutdown(t testing.TB, b interface{ Shutdown(context.Context) error }) {
	t.Helper()
	if err := b.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown() = %v, want nil", err)
	}
}

func wantStats(t testing.TB, b *eof.Background, want eof.Stats) {
	t.Helper()
	if got := b.Stats(); got != want {
		t.Errorf("Stats() = %+v, want %+v", got, want)
	}
}

// book is where goroutines write down what they saw.
type book struct {
	mu    sync.Mutex
	lines []string
}

func (b *book) add(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, line)
}

func (b *book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.lines, " ")
}

// stdLog has the standard logger write to the result until the test ends. Tests
// that call it must not run in parallel.
func stdLog(t testing.TB) *book {
	t.Helper()
	b := &book{}
	out, flags := log.Writer(), log.Flags()
	log.SetOutput(b)
	log.SetFlags(0)
	t.Cleanup(func() {
		log.SetOutput(out)
		log.SetFlags(flags)
	})
	return b
}

func (b *book) Write(p []byte) (int, error) {
	b.add(string(p))
	return len(p), nil
}
