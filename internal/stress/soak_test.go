package stress_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// soakPatience bounds every wait for what should come at once.
const soakPatience = 20 * time.Second

// soak is a server, and the book of what its handlers and its clients saw.
type soak struct {
	url  string
	life *middleware.Lifecycle

	arrived, outcomes, aborts, exits, eofs atomic.Uint64 // requests, as OnEnd has them but the first
	sent                                   atomic.Uint64 // ended by Send, as the handlers have it
	handed                                 atomic.Uint64 // handlers that outlived their response, those included
	accepted, refused, panics, told        atomic.Uint64 // tasks; panics after the response, and those that OnPanic got
	lines, workLines                       atomic.Uint64 // of the log: requests, work that has ended
	hours, number, slow                    atomic.Int64
	waiting                                sync.Map       // id to chan struct{}, of requests whose client waits for the handler to begin
	leaving                                sync.WaitGroup // their handlers

	mu      sync.Mutex
	resting []chan struct{} // handlers at work after Send
	awake   bool            // nobody rests any more
	forced  bool            // a shutdown without time has begun
	errs    []string
}

// TestSoak has mixed requests race through one router, and then counts:
// LASTBYTE_SOAK of them, `make soak` 100,000. A fifth has a server that is shut
// down without time for the work that is left.
func TestSoak(t *testing.T) {
	n := 2000
	if testkit.Race {
		n = 500
	}
	if s := os.Getenv("LASTBYTE_SOAK"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatalf("LASTBYTE_SOAK: %v", err)
		}
	}
	t.Run("drained", func(t *testing.T) { newSoak().run(t, n-n/5, false) })
	t.Run("forced", func(t *testing.T) { newSoak().run(t, n/5, true) })
}

func newSoak() *soak {
	s := new(soak)
	s.life = middleware.New(middleware.Options{
		Logger: zerolog.New(s),
		Background: eof.Options{Running: 4, Pending: 100, OnPanic: func(v any, stack []byte) {
			s.told.Add(1)
			if v != errSoak || !bytes.Contains(stack, []byte("stress_test.(*soak).")) {
				s.wrong("OnPanic(%v) with the stack\n%s", v, stack)
			}
		}},
		OnEnd: func(_ *http.Request, o middleware.Outcome) {
			s.outcomes.Add(1)
			for count, is := range map[*atomic.Uint64]bool{&s.aborts: o.Abort != nil, &s.exits: o.Exited, &s.eofs: o.EOF > 0} {
				if is {
					count.Add(1)
				}
			}
		},
	})
	return s
}

func (s *soak) wrong(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.errs) < 20 {
		s.errs = append(s.errs, fmt.Sprintf(format, args...))
	}
}

// Write is the log's, of the Lifecycle and of the handlers.
func (s *soak) Write(p []byte) (int, error) {
	line := string(p)
	switch {
	case strings.Contains(line, `"message":"request"`):
		s.lines.Add(1)
	case strings.Contains(line, `"message":"detached work ended"`):
		s.workLines.Add(1)
	case strings.Contains(line, `"message":"mine"`):
		_, id, _ := strings.Cut(line, `"id":"`)
		id, _, _ = strings.Cut(id, `"`)
		if id == "" || !strings.Contains(line, `"of":"`+id+`"`) {
			s.wrong("the logger of another request: %s", line)
		}
	}
	return len(p), nil
}

// rest keeps a handler until 64 others have come, so that what net/http and chi
// use again has been used again. It touches the header map, if any, meanwhile.
func (s *soak) rest(h http.Header) {
	mine := make(chan struct{})
	s.mu.Lock()
	s.resting = append(s.resting, mine)
	var first chan struct{}
	if len(s.resting) > 64 || s.awake {
		first, s.resting = s.resting[0], s.resting[1:]
	}
	s.mu.Unlock()
	if first != nil {
		close(first)
	}
	if h != nil {
		h.Set("Late", "1")
		defer h.Set("Sum", "late")
	}
	<-mine
}

// wake lets all go on, and no one rest from now on.
func (s *soak) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.awake = true
	for _, c := range s.resting {
		close(c)
	}
	s.resting = nil
}

func (s *soak) isForced() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.forced
}

func (s *soak) run(t *testing.T, n int, forced bool) {
	files := t.TempDir()
	t.Setenv("TMPDIR", files)
	srv := httptest.NewUnstartedServer(s.routes())
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetHTTP1(true)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Config.ErrorLog = log.New(serverLog{s}, "", 0)
	s.life.Attach(srv.Config)
	srv.Start()
	s.url = srv.URL

	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() { s.visitor(i).visit(n) })
	}
	all.Wait()
	s.leaving.Wait() // on HTTP/2 a client that leaves during a shutdown is not told from the server's own end
	s.stop(t, srv.Config, forced)
	srv.Close()

	s.count(t, n, forced)
	if left, err := os.ReadDir(files); err != nil || len(left) > 0 {
		t.Errorf("%d uploaded files are left, %v; want none", len(left), err)
	}
	if left := soakLeft(); len(left) > 0 {
		t.Errorf("%d goroutines are left:\n\n%s", len(left), strings.Join(left, "\n\n"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.errs {
		t.Error(e)
	}
}

// serverLog is where net/http logs. What comes there is the panics.
type serverLog struct{ *soak }

func (l serverLog) Write(p []byte) (int, error) {
	switch {
	case bytes.Contains(p, []byte("timeout waiting for SETTINGS")):
		l.slow.Add(1) // net/http gives a client of HTTP/2 two seconds, which a busy machine may need
	case !bytes.Contains(p, []byte(errSoak.Error())):
		l.wrong("the server logs %q", p)
	}
	return len(p), nil
}

// excused reports whether net/http has dropped a client for its slowness. Each
// has one request under way.
func (s *soak) excused() bool { return s.slow.Add(-1) >= 0 }

// stop shuts down with handlers at work after Send.
func (s *soak) stop(t *testing.T, srv *http.Server, forced bool) {
	t.Helper()
	patient, cancel := context.WithTimeout(t.Context(), soakPatience)
	defer cancel()
	if err := srv.Shutdown(patient); err != nil {
		t.Fatalf("Server.Shutdown() = %v, Stats() = %+v", err, s.life.Stats())
	}
	if forced {
		s.mu.Lock()
		s.forced = true
		s.mu.Unlock()
		over, cancel := context.WithCancel(t.Context())
		cancel()
		err := s.life.Shutdown(over)
		if err == nil || !strings.HasPrefix(err.Error(), "eof: shutdown gave up ") {
			t.Errorf("Shutdown() without time = %v, want what it gave up", err)
		}
	}
	down := make(chan error, 1)
	go func() { down <- s.life.Shutdown(patient) }()
	if left := s.life.Stats().Background.Detached; left == 0 || len(down) > 0 {
		t.Errorf("%d handlers are at work when Shutdown begins, and it has returned: %v; want some, and not", left, len(down) > 0)
	}
	s.wake()
	if err := <-down; err != nil {
		t.Errorf("Shutdown() = %v, want nil", err)
	}
}
