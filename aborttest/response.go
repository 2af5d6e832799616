package aborttest

import (
	"fmt"
	"io"
	"net/http"
)

// Response is a response, or what has come of it.
type Response struct {
	Status  int // 0: no header has come
	Header  http.Header
	Trailer http.Header
	Body    string
	Err     error // why it is not complete; nil: it is
}

// run sends r, and reads the response as it comes.
func (c *Call) run(r *http.Request) {
	res, err := c.client.HTTP().Do(r)
	if err != nil {
		c.over(err)
		return
	}
	defer res.Body.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := res.Body.Read(buf)
		c.got(buf[:n])
		switch err {
		case nil:
		case io.EOF:
			c.client.mu.Lock()
			c.response.Trailer = res.Trailer
			c.client.mu.Unlock()
			c.over(nil)
			return
		default:
			c.over(err)
			return
		}
	}
}

// answered notes the header of the response, or that none comes.
func (c *Call) answered(res *http.Response, err error) {
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	if err != nil {
		c.failed = err
		c.noteLocked(fmt.Sprintf("the client got no response: %v", err))
		return
	}
	c.answeredBy = true
	c.response.Status, c.response.Header = res.StatusCode, res.Header
	c.noteLocked(fmt.Sprintf("the client got the header: %d", res.StatusCode))
}

func (c *Call) got(b []byte) {
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	c.response.Body += string(b)
	c.client.changed.Broadcast()
}

// over says that nothing more comes.
func (c *Call) over(err error) {
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	c.complete, c.failed = true, err
	c.response.Err = err
	if what := "the client has the whole response"; c.answeredBy {
		if err != nil {
			what = fmt.Sprintf("the response broke off after %d bytes: %v", len(c.response.Body), err)
		}
		c.noteLocked(what)
	}
	c.client.changed.Broadcast()
}

// Response waits for the end of the response, and returns it. Err says why it is not
// complete, if it is not: the server has cut it, or the client has left.
func (c *Call) Response() Response {
	c.client.t.Helper()
	c.await("the end of the response", func() bool { return c.complete })
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	return c.response
}

// Header waits for the header of the response, and returns it without the body. The
// Status is 0, with an Err, if none comes.
func (c *Call) Header() Response {
	c.client.t.Helper()
	c.await("the header of the response", func() bool { return c.answeredBy || c.failed != nil })
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	r := c.response
	r.Body, r.Trailer, r.Err = "", nil, nil
	if !c.answeredBy {
		r.Err = c.failed
	}
	return r
}

// Body waits until n bytes of the body of the response have come, and returns what has
// come by then, which may be more. It fails the test if the response ends before.
func (c *Call) Body(n int) string {
	c.client.t.Helper()
	c.await(fmt.Sprintf("%d bytes of the body", n), func() bool { return len(c.response.Body) >= n || c.complete || c.failed != nil })
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	if got := c.response.Body; len(got) < n {
		c.client.t.Fatalf("aborttest: Body(%d) of %s: the response had %d bytes;%s", n, c, len(got), c.storyLocked())
	}
	return c.response.Body
}
