package lastbyte_test

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

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/thread"
)

// record is what is known of one request that arrived.
type record struct {
	id     string
	called chan struct{} // closed when the callback runs

	mu         sync.Mutex
	lines      int // of the log
	handlers   int // that returned
	calls      int // of the callback
	registered bool
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
		c.serving.Add(1)
		defer c.serving.Done()
		id := r.URL.Path[3:]
		r.URL.Path = fmt.Sprintf("%s/%d", r.URL.Path, c.arrived.Add(1))
		c.book.Store(r.URL.Path, &record{id: id, called: make(chan struct{})})
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
		c.checkLocked(path, r)
		c.book.Delete(path)
	}
}

// checkLocked says what must be true of a request that is over.
func (c *chaos) checkLocked(path string, r *record) {
	want := 0
	if r.registered && r.line.Aborted {
		want = 1
	}
	if r.lines != 1 || r.handlers != 1 || r.work != 0 || r.calls != want {
		c.wrong("%s: %d log lines, %d ends of the handler, %d calls of the callback, %d threads and tasks, want 1, 1, %d, 0; %+v",
			path, r.lines, r.handlers, r.calls, r.work, want, r.line)
	}
	if r.leaver && !r.line.Aborted {
		c.wrong("%s: the handler knew that its client had left (%s), the log says %+v", path, r.why, r.line)
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
	for _, op := range r.URL.Query().Get("do") {
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
				c.wrong("%s %s %s: nobody tells the handler that its client left", r.Proto, r.Method, r.URL)
			}
			rec.note(func() {
				rec.leaver, rec.why = true, fmt.Sprint(r.Method, r.URL.RawQuery, r.Proto, ", ", context.Cause(ctx), ", ", err)
			})
		case 'j':
			if c.hijack(w, rec.id) {
				return
			}
		default:
			c.verb(ctx, op, path, rec)
		}
	}
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

func (c *chaos) hijack(w http.ResponseWriter, id string) bool {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return false
	}
	defer conn.Close()
	fmt.Fprintf(rw, "HTTP/1.1 200 OK\r\nX-Id: %s\r\nContent-Length: 42\r\nConnection: close\r\n\r\n%s", id, pattern(id, 2))
	_ = rw.Flush()
	return true
}

// verb is a step that only lastbyte has.
func (c *chaos) verb(ctx context.Context, op rune, path string, rec *record) {
	switch op {
	case 'x':
		_ = exitcode.Exit(ctx, oneOf(exits))
	case 't':
		exitcode.Throw(ctx, oneOf(exits))
	case 'p':
		panic("on purpose")
	case 'a':
		panic(http.ErrAbortHandler)
	case 'S':
		_ = eof.Send(ctx)
	case 'o':
		rec.note(func() {
			if err := abort.On(ctx, func(ctx context.Context) { c.callback(ctx, rec) }); err == nil {
				rec.registered = true
			}
		})
	case 's', 'X':
		c.spawn(ctx, op == 'X', path, rec)
	case 'd':
		rec.note(func() { rec.work++ })
		err := eof.Defer(ctx, func(ctx context.Context) { c.end(ctx, path, rec) })
		if err != nil {
			c.end(ctx, path, rec)
			c.wrong("%s: Defer() = %v, want nil", path, err)
		}
	}
}

// callback is that of abort.On. The lock of rec is taken: On does not wait for it.
func (c *chaos) callback(ctx context.Context, rec *record) {
	c.calls.Add(1)
	rec.note(func() {
		if rec.calls++; rec.calls == 1 {
			close(rec.called)
		}
	})
	c.sameID(ctx, rec)
	switch rand.N(6) {
	case 0:
		panic("on purpose")
	case 1:
		exitcode.Throw(ctx, exitcode.ClientClosedRequest)
	case 2, 3:
		_ = exitcode.Exit(ctx, oneOf(exits))
	}
}

func (c *chaos) spawn(ctx context.Context, exit bool, path string, rec *record) {
	rec.note(func() { rec.work++ })
	mode := rand.N(4)
	t, err := thread.Spawn(ctx, func(ctx context.Context) error {
		defer c.end(ctx, path, rec)
		c.wait(ctx, nil, rand.N(2*time.Millisecond))
		switch {
		case exit:
			_ = exitcode.Exit(ctx, oneOf(exits))
		case mode == 0:
			panic("on purpose")
		}
		return nil
	})
	switch {
	case err != nil:
		c.end(ctx, path, rec)
	case mode == 1:
		t.Kill()
	case mode == 2:
		_ = t.Wait(ctx)
	}
}

// end is that of a thread or task.
func (c *chaos) end(ctx context.Context, path string, rec *record) {
	c.sameID(ctx, rec)
	rec.note(func() { rec.work-- })
	c.settle(path, rec)
}

// sameID: chi's route context, which is recycled, still has this request's id.
func (c *chaos) sameID(ctx context.Context, rec *record) {
	if got := chi.URLParamFromCtx(ctx, "id"); got != rec.id {
		c.wrong("the route of request %s says %q", rec.id, got)
	}
}

var exits = []exitcode.Code{200, 204, 302, 304, 404, 503, 408, 444, 499, -1}

func oneOf[T any](list []T) T { return list[rand.N(len(list))] }

// pattern is what the body of a response is made of: its id, in lines.
func pattern(id string, lines int) []byte {
	return bytes.Repeat([]byte(strings.Repeat("0", 20-len(id))+id+"\n"), lines)
}
