package thirdparty_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// around is a middleware.
type around = func(http.Handler) http.Handler

// place is where a neighbour stands, and what lastbyte is.
type place struct {
	name           string
	inside, detach bool
}

var places = []place{
	{"outside Handler", false, false},
	{"inside Handler", true, false},
	{"outside Detach", false, true},
	{"inside Detach", true, true},
}

// each runs body for every place and protocol, in bubbles.
func each(t *testing.T, body func(t *testing.T, p pipenet.Proto, at place)) {
	t.Helper()
	for _, at := range places {
		t.Run(at.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) { body(t, p, at) })
		})
	}
}

// scene is a server with lastbyte and a neighbour in it.
type scene struct {
	*pipenet.Server
	life  *middleware.Lifecycle
	ended chan middleware.Outcome
}

func start(t *testing.T, p pipenet.Proto, at place, neighbour around, h http.Handler) *scene {
	t.Helper()
	s := &scene{ended: make(chan middleware.Outcome, 16)}
	s.life = middleware.New(middleware.Options{
		OnEnd:      func(_ *http.Request, o middleware.Outcome) { s.ended <- o },
		Background: eof.Options{OnPanic: func(any, []byte) {}},
	})
	t.Cleanup(func() {
		if err := s.life.Shutdown(context.Background()); err != nil { // t.Context has ended
			t.Errorf("Shutdown() = %v, want nil", err)
		}
	})
	ours := s.life.Handler
	if at.detach {
		ours = s.life.Detach
	}
	if at.inside {
		h = ours(neighbour(h))
	} else {
		h = neighbour(ours(h))
	}
	s.Server = pipenet.Start(t, p, h, s.life.Attach)
	return s
}

// take gives what is in ch once the bubble is at rest.
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

// answer is what a client got: status 0 if there was none, err if the body was
// cut.
type answer struct {
	status int
	header http.Header
	body   string
	err    error
}

func read(res *http.Response, err error) answer {
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(b), err}
}

func (s *scene) get(path string) answer { return read(s.Get(path)) }

// is checks an answer that is whole; status 0: there must be none.
func (a answer) is(t *testing.T, what string, status int, body string) {
	t.Helper()
	if a.status != status || a.body != body || (a.err != nil) != (status == 0) {
		t.Errorf("%s: got %d %q, %v, want %d %q", what, a.status, a.body, a.err, status, body)
	}
}

// status checks the Outcome of the next request, and that the client stayed.
func (s *scene) status(t *testing.T, want int) {
	t.Helper()
	if o := take(t, s.ended, "OnEnd"); o.Status != want || o.Abort != nil {
		t.Errorf("Outcome = %+v, want status %d and no abort", o, want)
	}
}

func flush(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() }
