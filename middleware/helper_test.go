package middleware_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"

	"github.com/rs/zerolog"
)

// mount is a way to put a Lifecycle around a handler.
type mount struct {
	name string
	wrap func(*middleware.Lifecycle, http.Handler) http.Handler
}

var mounts = []mount{
	{"Handler", (*middleware.Lifecycle).Handler},
	{"Detach", (*middleware.Lifecycle).Detach},
}

// each runs body for every mount and protocol, in bubbles.
func each(t *testing.T, body func(t *testing.T, p pipenet.Proto, m mount)) {
	t.Helper()
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) { body(t, p, m) })
		})
	}
}

// scene is a server whose handler is inside a Lifecycle.
type scene struct {
	*pipenet.Server
	life  *middleware.Lifecycle
	ended chan middleware.Outcome // OnEnd's
	log   *lines                  // what its Logger wrote
}

// newLife makes a Lifecycle that is shut down at the test's end, which no
// goroutine of a bubble may outlive.
func newLife(t *testing.T, o middleware.Options) *middleware.Lifecycle {
	t.Helper()
	life := middleware.New(o)
	t.Cleanup(func() {
		if err := life.Shutdown(context.Background()); err != nil { // t.Context has ended
			t.Errorf("Shutdown() = %v, want nil", err)
		}
	})
	return life
}

// start serves h inside a Lifecycle with o, whose Logger and OnEnd it sets.
func start(t *testing.T, p pipenet.Proto, m mount, o middleware.Options, h http.HandlerFunc, configure ...func(*http.Server)) *scene {
	t.Helper()
	s := &scene{ended: make(chan middleware.Outcome, 16), log: new(lines)}
	o.Logger = zerolog.New(s.log)
	o.OnEnd = func(_ *http.Request, o middleware.Outcome) { s.ended <- o }
	s.life = newLife(t, o)
	s.Server = pipenet.Start(t, p, m.wrap(s.life, h), configure...)
	return s
}

// lines keeps the lines that a zerolog.Logger writes.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("was never attached")) {
		return len(b), nil // TestLifecycle_Unattached looks at that
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

// take gives the lines so far, as JSON objects, once the bubble is at rest, and
// forgets them.
func (l *lines) take(t *testing.T) []map[string]any {
	t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	var objects []map[string]any
	for _, line := range l.all {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Errorf("log line %q: %v, want JSON", line, err)
		}
		objects = append(objects, o)
	}
	l.all = nil
	return objects
}

// take waits until the bubble is at rest and gives what is in ch then.
func take[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	synctest.Wait()
	select {
	case v := <-ch:
		return v
	default:
		t.Fatalf("%s: nothing came, want one", what)
		panic("unreachable")
	}
}

// none fails the test if something is in ch once the bubble is at rest.
func none[T any](t *testing.T, ch <-chan T, what string) {
	t.Helper()
	synctest.Wait()
	select {
	case v := <-ch:
		t.Errorf("%s: got %v, want nothing", what, v)
	default:
	}
}

// logsBut is the log of the server without the line that a Lifecycle writes if the
// server was never attached.
func logsBut(s *pipenet.Server) string { return testkit.LogBut(s.Logs()) }

// flush sends the header and what was written.
func flush(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() }

// answer reads res to its end.
func answer(t *testing.T, res *http.Response, err error) (status int, text string) {
	t.Helper()
	if err != nil {
		t.Fatalf("request = %v, want a response", err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("body = %q, %v, want all of it", b, err)
	}
	return res.StatusCode, string(b)
}

func get(t *testing.T, s *pipenet.Server, path string) (status int, text string) {
	t.Helper()
	res, err := s.Get(path)
	return answer(t, res, err)
}
