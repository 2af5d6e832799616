package aborttest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// Call is a request. A method that waits fails the test after Options.Limit, and says
// what has happened to the request until then.
type Call struct {
	client *Client
	number int
	name   string // method and path
	began  time.Time
	body   *stalled // of the request, nil if it has another; set before it is sent

	// The mutex of the client guards the rest.
	abandon    func(error) // ends the request as Go's client does; see cancel
	conn       net.Conn    // what was given to the transport, nil until then
	wire       *Conn       // below it
	left       bool        // by Leave
	written    bool        // the whole request is
	response   Response    // what has come of it; Err while it is not complete
	answeredBy bool        // the header of the response has come
	complete   bool        // nothing more comes: response is all there is
	failed     error       // why the response is not complete
	remote     string      // the client's address, as the server sees it
	isArrived  bool
	isReturned bool
	isEnded    bool // outcome is there
	outcome    middleware.Outcome
	log        []string
	happened   []string
}

func (c *Client) newCall(name string, abandon func(error)) *Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	call := &Call{client: c, number: len(c.calls), name: name, began: time.Now(), abandon: abandon}
	c.calls = append(c.calls, call)
	return call
}

// cancelBy sets what cancel does.
func (c *Call) cancelBy(abandon func(error)) {
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	c.abandon = abandon
}

// cancel ends the request as Go's client does when its context ends with cause.
func (c *Call) cancel(cause error) {
	c.client.mu.Lock()
	abandon := c.abandon
	c.client.mu.Unlock()
	abandon(cause)
}

// String returns the method and the path.
func (c *Call) String() string { return c.name }

// Arrived waits until the handler has been called.
func (c *Call) Arrived() {
	c.client.t.Helper()
	c.await("the call of the handler", func() bool { return c.isArrived })
}

// Send sends bytes behind the request, as a client that pipelines. It waits until all
// of the request is written. HTTP/2 has no pipelining: there the test fails.
func (c *Call) Send(text string) {
	c.client.t.Helper()
	if c.client.proto != HTTP1 {
		c.client.t.Fatalf("aborttest: Send of %s: HTTP/2 has no pipelining", c)
	}
	c.await("the whole request to be written", func() bool { return c.written || c.failed != nil })
	c.client.mu.Lock()
	conn := c.conn
	c.client.mu.Unlock()
	if conn == nil {
		c.client.t.Fatalf("aborttest: Send of %s: there is no connection;%s", c, c.story())
	}
	if _, err := io.WriteString(conn, text); err != nil {
		c.client.t.Fatalf("aborttest: Send of %s: %v", c, err)
	}
}

// Outcome waits for the end of the response at the server, and returns how the request
// ended. For a hijacked connection that is when the handler returns.
func (c *Call) Outcome() middleware.Outcome {
	c.client.t.Helper()
	c.await("the outcome", func() bool { return c.isEnded || c.isReturned })
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	if !c.isEnded {
		c.client.t.Fatalf("aborttest: Outcome of %s: the handler has returned, and Options.Lifecycle, whose Handler "+
			"or Detach has to stand around it, knows nothing of the request;%s", c, c.storyLocked())
	}
	return c.outcome
}

// Done waits for the end of the response, for the handler if it outlives that, and for
// the tasks of eof.Defer and eof.After that requests of its method have begun. It does
// not wait for tasks that have a name, as those of Background.Go and Every do. It returns
// the Outcome, with Worked.
func (c *Call) Done() middleware.Outcome {
	c.client.t.Helper()
	c.Outcome()
	for until := time.Now().Add(c.client.o.Limit); ; {
		seen := c.events()
		c.client.settle()
		left := c.atWork()
		if left == "" {
			return c.Outcome()
		}
		c.awaitEvent(seen, until)
		if !time.Now().Before(until) {
			c.client.t.Fatalf("aborttest: Done of %s: waited %v, and there is still %s;%s", c, c.client.o.Limit, left, c.story())
		}
	}
}

// atWork says what Done waits for, "" if there is nothing.
func (c *Call) atWork() string {
	end := c.Outcome()
	if end.Worked == 0 { // else OnDone has told
		for r := range c.client.life.Requests() {
			if r.RemoteAddr == c.remote && r.Outcome.Start.Equal(end.Start) {
				return "the handler at work"
			}
		}
	}
	method, _, _ := strings.Cut(c.name, " ")
	for i := range c.client.life.Background().Work() {
		if i.Kind == "task" && (i.Name == "" || i.Name == method || strings.HasPrefix(i.Name, method+" ")) {
			return fmt.Sprintf("the task %q, running: %t", i.Name, i.Running)
		}
	}
	return ""
}

func (c *Call) events() int {
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	return c.client.events
}

// Log returns what the Lifecycle of the kit has logged of the request, in lines, in
// the format of slog.TextHandler without the time. It has nothing of what an
// Options.Lifecycle logs.
func (c *Call) Log() string {
	c.client.settle()
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	return strings.Join(c.log, "")
}

// ended is Observer.OnEnd.
func (c *Client) ended(r *http.Request, o middleware.Outcome) {
	c.told(r.Context(), o, "the outcome came")
}

// done is Observer.OnDone.
func (c *Client) done(r *http.Request, o middleware.Outcome) {
	c.told(r.Context(), o, "the handler has ended its work")
}

func (c *Client) taskDone(eof.Item, time.Duration) {
	c.told(context.Background(), middleware.Outcome{}, "")
}

func (c *Client) told(ctx context.Context, o middleware.Outcome, what string) {
	call := callOf(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events++
	if call != nil && call.client == c {
		call.noteLocked(what)
		if !call.isEnded || o.Worked > 0 { // OnDone may be the first
			call.outcome, call.isEnded = o, true
		}
	}
	c.changed.Broadcast()
}

// await waits for ok, which is called with the mutex of the client held.
func (c *Call) await(what string, ok func() bool) {
	c.client.t.Helper()
	if !c.client.await(ok) {
		c.client.t.Fatalf("aborttest: waited %v for %s of %s;%s", c.client.o.Limit, what, c, c.story())
	}
}

// noteLocked adds to the story.
func (c *Call) noteLocked(what string) {
	c.happened = append(c.happened, fmt.Sprintf("%v: %s", time.Since(c.began), what))
	c.client.changed.Broadcast()
}

func (c *Call) story() string {
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	return c.storyLocked()
}

// storyLocked says what has happened to the request.
func (c *Call) storyLocked() string {
	if len(c.happened) == 0 {
		return " nothing has happened to it"
	}
	return " what happened:\n\t" + strings.Join(slices.Clone(c.happened), "\n\t")
}
