package lastbyte_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/lastbyte-go/lastbyte/eof"
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
	perhaps                                atomic.Uint64 // handlers whose client left: they may have
	accepted, refused, panics, told        atomic.Uint64 // tasks; panics after the response, and those that OnPanic got
	lines, workLines                       atomic.Uint64 // of the log: requests, work that has ended
	hours, number                          atomic.Int64
	waiting                                sync.Map // id to chan struct{}, of requests whose client waits for the handler to begin

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
	if raceDetector {
		n = 1000
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
			if v != errSoak || !bytes.Contains(stack, []byte("lastbyte_test.(*soak).")) {
				s.wrong("OnPanic(%v) with the stack\n%s", v, stack)
			}
		}},
		OnEnd: func(o middleware.Outcome) {
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
// use again has been used again. It touches the header map meanwhile.
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
	h.Set("Late", "1")
	<-mine
	h.Set("Sum", "late")
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
	const visitors = 16
	for i := range visitors {
		all.Go(func() { s.visitor(i).visit(n / visitors) })
	}
	all.Wait()
	s.stop(t, srv.Config, forced)
	srv.Close()

	for _, e := range s.errs {
		t.Error(e)
	}
	s.count(t, n, forced)
	if left, err := os.ReadDir(files); err != nil || len(left) > 0 {
		t.Errorf("%d uploaded files are left, %v; want none", len(left), err)
	}
	if left := soakLeft(); len(left) > 0 {
		t.Errorf("%d goroutines are left:\n\n%s", len(left), strings.Join(left, "\n\n"))
	}
}

// serverLog is where net/http logs. What comes there is the panics.
type serverLog struct{ *soak }

func (l serverLog) Write(p []byte) (int, error) {
	if !bytes.Contains(p, []byte(errSoak.Error())) {
		l.wrong("the server logs %q", p)
	}
	return len(p), nil
}

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
		want := fmt.Sprintf("eof: shutdown gave up %d tasks and handlers: context canceled", s.life.Stats().Background.Lost)
		if err == nil || err.Error() != want {
			t.Errorf("Shutdown() without time = %v, want %q", err, want)
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

// count holds the Stats against what the handlers and the clients saw.
func (s *soak) count(t *testing.T, n int, forced bool) {
	t.Helper()
	st := s.life.Stats()
	b := st.Background
	for _, c := range []struct {
		what             string
		got, least, most uint64
	}{
		{"requests that arrived", s.arrived.Load(), uint64(n / 2), uint64(2 * n)}, // a client may leave too early, a GET be sent again
		{"Requests", st.Requests, s.arrived.Load(), s.arrived.Load()},
		{"calls of OnEnd", s.outcomes.Load(), st.Requests, st.Requests},
		{"lines of the log", s.lines.Load(), st.Requests, st.Requests},
		{"Aborts", st.Aborts, s.aborts.Load(), s.aborts.Load()},
		{"Exits", st.Exits, s.exits.Load(), s.exits.Load()},
		{"EOFs", st.EOFs, s.sent.Load(), s.sent.Load()},
		{"Outcomes with EOF", s.eofs.Load(), st.EOFs, st.EOFs},
		{"requests at work", uint64(st.Active), 0, 0},
		{"work that is left", uint64(b.Running + b.Pending + b.Detached), 0, 0},
		{"Rejected", b.Rejected, s.refused.Load(), s.refused.Load()},
		{"work that has ended", b.Done + b.Panicked + b.Lost, s.accepted.Load() + s.handed.Load(), s.accepted.Load() + s.handed.Load() + s.perhaps.Load()},
		{"lines for it in the log", s.workLines.Load(), s.sent.Load(), s.handed.Load() + s.perhaps.Load()},
		{"calls of OnPanic", s.told.Load(), s.panics.Load(), s.panics.Load()},
	} {
		if c.got < c.least || c.got > c.most {
			t.Errorf("%s: %d, want %d to %d", c.what, c.got, c.least, c.most)
		}
	}
	if !forced && (b.Lost != 0 || b.Panicked != s.panics.Load()) || b.Panicked > s.panics.Load() {
		t.Errorf("%d lost, %d panicked, want %d panics, and nothing lost without force", b.Lost, b.Panicked, s.panics.Load())
	}
	if st.Aborts == 0 || st.Exits == 0 || st.EOFs == 0 || s.accepted.Load() == 0 || s.panics.Load() == 0 {
		t.Errorf("Stats() = %+v, %d tasks, %d panics; want some of each", st, s.accepted.Load(), s.panics.Load())
	}
	t.Logf("%+v; tasks %d, handlers that outlived the response %d to %d", st, s.accepted.Load(), s.handed.Load(), s.handed.Load()+s.perhaps.Load())
}

// soakLeft gives the goroutines of lastbyte and net/http that do not end.
func soakLeft() (left []string) {
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(soakPatience); time.Now().Before(end); <-again.C {
		left = slices.DeleteFunc(goroutines(), func(g string) bool {
			return !strings.Contains(g, module+"/") && !strings.Contains(g, "net/http.")
		})
		if len(left) == 0 {
			return nil
		}
	}
	return left
}
