package stress_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lastbyte-go/lastbyte/eof"
)

// record is what is known of one request that arrived.
type record struct {
	id     string
	name   string // for who reads of it
	site   *site
	called chan struct{} // closed when the callback runs

	mu         sync.Mutex
	lines      int // of the log
	handlers   int // that returned
	calls      int // of the callback
	registered bool
	firm       bool   // the context may not end: there is a callback, or the response was sent
	ends       bool   // but something that may end it has begun
	leaver     bool   // the handler was told that its client left
	why        string // or so it thought
	work       int    // threads and tasks that were accepted and are not over
	line       line
}

// line is a line of the Lifecycle's log.
type line struct {
	Message  string
	Path     string
	Status   int
	Sent     int
	Aborted  bool
	Hijacked bool
	Exit     *int
	EOF      float64
}

func (r *record) note(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// handler is the server's: it knows each request that arrives, also one that a
// client sends twice.
func (c *chaos) handler() http.Handler {
	mux := chi.NewRouter()
	mux.With(c.life.Handler).HandleFunc("/h/{id}/{n}", c.serve)
	mux.With(c.life.Detach).HandleFunc("/d/{id}/{n}", c.serve)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		remember(c, r)
		c.serving.Add(1)
		defer c.serving.Add(-1)
		id := r.URL.Path[3:]
		r.URL.Path = fmt.Sprintf("%s/%d", r.URL.Path, c.arrived.Add(1))
		s := c.sites[of(r)]
		s.arrived.Add(1)
		name := fmt.Sprintf("%v %s %s", of(r), r.Method, r.URL)
		c.book.Store(r.URL.Path, &record{id: id, name: name, site: s, called: make(chan struct{})})
		w.Header().Set("X-Id", id)
		mux.ServeHTTP(w, r)
	})
}

// Write is the Lifecycle's logger.
func (c *chaos) Write(p []byte) (int, error) {
	var l line
	if err := json.Unmarshal(p, &l); err != nil {
		c.wrong("log line %q: %v", p, err)
	}
	if l.Message != "request" {
		return len(p), nil
	}
	v, ok := c.book.Load(l.Path)
	if !ok {
		c.wrong("the log has a line for %s, which never arrived, or is over", l.Path)
		return len(p), nil
	}
	r := v.(*record)
	r.note(func() { r.lines++; r.line = l })
	c.settle(l.Path, r)
	return len(p), nil
}

// settle takes a request that is over out of the book. Of one with a callback
// that is known at the end alone: under Detach it may begin late.
func (c *chaos) settle(path string, r *record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.registered && r.lines == 1 && r.handlers == 1 && r.work == 0 {
		c.checkLocked(r)
		c.book.Delete(path)
	}
}

// checkLocked says what must be true of a request that is over.
func (c *chaos) checkLocked(r *record) {
	want := 0
	if r.registered && r.line.Aborted {
		want = 1
	}
	if r.lines != 1 || r.handlers != 1 || r.work != 0 || r.calls != want {
		c.wrong("%s: %d log lines, %d ends of the handler, %d calls of the callback, %d threads and tasks, want 1, 1, %d, 0; %+v",
			r.name, r.lines, r.handlers, r.calls, r.work, want, r.line)
	}
	if r.leaver && !r.line.Aborted {
		c.wrong("%s: the handler knew that its client had left (%s), the log says %+v", r.name, r.why, r.line)
	}
}

// serve does what the client has written down for it, a letter each.
func (c *chaos) serve(w http.ResponseWriter, r *http.Request) {
	v, _ := c.book.Load(r.URL.Path)
	rec := v.(*record)
	path := r.URL.Path // the server's own *URL is not ours after Send
	defer func() {
		rec.note(func() { rec.handlers++ })
		c.settle(path, rec)
	}()
	ctx := r.Context()
	ops := r.URL.Query().Get("do")
	defer c.lives(ctx, rec)
	for _, op := range ops {
		if strings.ContainsRune("xXtpa", op) {
			rec.note(func() { rec.ends = true })
		}
		switch op {
		case 'w':
			_, _ = w.Write(pattern(rec.id, 8))
		case 'W':
			_, _ = w.Write(pattern(rec.id, 400))
		case 'B':
			_, _ = w.Write(pattern(rec.id, 10000))
		case 'c': // io.ReaderFrom
			_, _ = io.Copy(w, bytes.NewReader(pattern(rec.id, 64)))
		case 'f':
			_ = http.NewResponseController(w).Flush()
		case 'h':
			w.WriteHeader(http.StatusOK)
		case 'e':
			w.WriteHeader(http.StatusEarlyHints)
		case 'r':
			_, _ = r.Body.Read(make([]byte, 512))
		case 'R':
			_, _ = io.Copy(io.Discard, r.Body)
		case 'i': // it does not look at its context
			<-time.After(rand.N(time.Millisecond))
		case 'k':
			c.wait(ctx, nil, time.Millisecond)
		case 'K':
			err := ctx.Err()
			if !c.wait(ctx, rec.called, 20*time.Second) {
				c.wrong("%s: nobody tells the handler that its client left", rec.name)
			}
			rec.note(func() { rec.leaver, rec.why = true, fmt.Sprint(context.Cause(ctx), ", ", err) })
			c.lives(ctx, rec)
		case 'S':
			if eof.Send(ctx) == nil {
				rec.note(func() { rec.firm = true })
			}
		case 'j':
			if c.hijack(w, rec) {
				return
			}
		default:
			c.verb(ctx, op, path, rec)
		}
	}
}

// lives: after Send, or for as long as a callback has not decided, the client's
// end is not that of the handler's context.
func (c *chaos) lives(ctx context.Context, rec *record) {
	err := ctx.Err()
	rec.note(func() {
		if err != nil && rec.firm && !rec.ends && rec.handlers == 0 {
			c.wrong("%s: the handler's context ended after %d calls of its callback: %v", rec.name, rec.calls, context.Cause(ctx))
		}
	})
}

// wait waits for the end of ctx, or called; false: it took too long.
func (c *chaos) wait(ctx context.Context, called <-chan struct{}, limit time.Duration) bool {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-called:
	case <-t.C:
		return false
	}
	return true
}

func (c *chaos) hijack(w http.ResponseWriter, rec *record) bool {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return false
	}
	defer conn.Close()
	fmt.Fprintf(rw, "HTTP/1.1 200 OK\r\nX-Id: %s\r\nContent-Length: 42\r\nConnection: close\r\n\r\n%s", rec.id, pattern(rec.id, 2))
	_ = rw.Flush()
	rec.note(func() { rec.ends = true }) // whose end it was can no longer be seen
	return true
}
