package board_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/board"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
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

// everybody is for boards whose clients are in a bubble, where no address is a loopback
// address.
func everybody(*http.Request) bool { return true }

// scene is a server with a board at /board, and a handler inside the same Lifecycle
// everywhere else.
type scene struct {
	*pipenet.Server
	t    *testing.T
	life *middleware.Lifecycle
}

func start(t *testing.T, p pipenet.Proto, m mount, o board.Options, h http.HandlerFunc) *scene {
	t.Helper()
	life := middleware.New(middleware.Options{})
	t.Cleanup(func() {
		if err := life.Shutdown(context.Background()); err != nil { // t.Context has ended
			t.Errorf("Shutdown() = %v, want nil", err)
		}
	})
	if o.Allow == nil {
		o.Allow = everybody
	}
	mux := http.NewServeMux()
	b := board.NewWith(life, o)
	mux.Handle("/board", b)
	mux.Handle("/board.json", b)
	mux.Handle("/", m.wrap(life, h))
	return &scene{pipenet.Start(t, p, mux, life.Attach), t, life}
}

// seen is the JSON of the board, as far as tests look at it.
type seen struct {
	Ended, More uint64
	Reset       bool
	Totals      map[string]uint64
	Stats       middleware.Stats
	Work, Tasks []struct {
		ID, Stage, Method, Path, Route, Proto, Client string
		Status                                        int
		SentMS                                        float64 `json:"sent_ms"`
		Viewer                                        bool
	}
	Rates struct {
		First int64
		Kinds map[string][]uint64
	}
	Endings []struct {
		ID                                            uint64
		Kind, Method, Path, Route, Proto, Client, Log string
		MS                                            float64
		RequestID                                     string `json:"request_id"`
		Own                                           bool
		Outcome                                       struct {
			Status, Sent            int
			Bytes                   int64
			Exit                    *int
			Reason, Stage           string
			AbortMS                 float64 `json:"abort_ms"`
			EOFMS                   float64 `json:"eof_ms"`
			AfterMS                 float64 `json:"after_ms"`
			Hijacked, Panicked, Cut bool
		}
		Attrs [][2]string
	}
}

// text gives what the board answers in the format, once the bubble is at rest.
func (s *scene) text(format string) string {
	s.t.Helper()
	synctest.Wait()
	res, err := s.Get("/board?format=" + format)
	return body(s.t, res, err)
}

func body(t *testing.T, res *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatalf("request = %v, want a response", err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("body = %q, %v, want all of it", b, err)
	}
	return string(b)
}

// look gives what the board shows, once the bubble is at rest.
func (s *scene) look() (v seen) {
	s.t.Helper()
	time.Sleep(50 * time.Millisecond) // what was seen before counts no more
	text := s.text("json")
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		s.t.Fatalf("board = %s: %v, want JSON", text, err)
	}
	return v
}

// do sends a request to the handler and reads its response, if there is one.
func (s *scene) do(r *http.Request) {
	res, err := s.Do(r)
	if err == nil {
		_, _ = io.Copy(io.Discard, res.Body) // a response that is cut is what some tests want
		res.Body.Close()
	}
}

func (s *scene) get(path string) { s.do(s.NewRequest("GET", path, nil)) }

// events is a stream of the board.
type events struct {
	t     *testing.T
	res   *http.Response
	scan  *bufio.Scanner
	leave func() // ends the request; what reads the stream ends, too
}

func (s *scene) watch() *events {
	s.t.Helper()
	call := s.Begin(s.NewRequest("GET", "/board?format=events", nil))
	res, err := call.Wait()
	if err != nil {
		s.t.Fatalf("stream = %v, want one", err)
	}
	e := &events{s.t, res, bufio.NewScanner(res.Body), call.Cancel}
	e.scan.Buffer(nil, 1<<20)
	return e
}

// next gives the next event; end: there is none.
func (e *events) next() (event string, v seen, end bool) {
	e.t.Helper()
	for e.scan.Scan() {
		line := e.scan.Text()
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			event = name
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if err := json.Unmarshal([]byte(data), &v); err != nil {
				e.t.Fatalf("data: %s: %v, want JSON", data, err)
			}
			return event, v, false
		}
	}
	return "", v, true
}
