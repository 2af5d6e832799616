package thirdparty_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// client is an HTTP/2 connection, frame by frame.
type client struct {
	conn net.Conn
	next uint32
	fr   *http2.Framer

	mu      sync.Mutex // also for writing
	streams map[uint32]*answer
}

// answer is what comes on a stream. Its fields may be read when done is closed.
type answer struct {
	id     uint32
	status string
	body   bytes.Buffer
	err    error // nil: it ended with END_STREAM
	done   chan struct{}
}

func (a *answer) wait(t *testing.T) (got string) {
	t.Helper()
	testkit.Await(t, a.done, "the answer")
	if a.err != nil {
		return fmt.Sprintf("%s %q %v", a.status, a.body.String(), a.err)
	}
	return fmt.Sprintf("%s %q", a.status, a.body.String())
}

func dial(t *testing.T, addr string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{conn: conn, next: 1, streams: make(map[uint32]*answer)}
}

// begin asks for path as the first request of the connection.
func (c *client) begin(t *testing.T, upgrade bool, path string) *answer {
	t.Helper()
	in := bufio.NewReader(c.conn)
	var first *answer
	if upgrade {
		fmt.Fprintf(c.conn, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"+
			"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", path)
		res, err := http.ReadResponse(in, nil)
		if err != nil || res.StatusCode != 101 {
			t.Fatalf("the answer to the upgrade = %v, %v, want 101", res, err)
		}
		first = c.stream()
	}
	io.WriteString(c.conn, http2.ClientPreface)
	c.fr = http2.NewFramer(c.conn, in)
	c.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if err := c.fr.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		c.read()
	}()
	t.Cleanup(func() { c.conn.Close(); <-over })
	if first == nil {
		first = c.get(t, path)
	}
	return first
}

func (c *client) stream() *answer {
	a := &answer{id: c.next, done: make(chan struct{})}
	c.next += 2
	c.mu.Lock()
	defer c.mu.Unlock()
	c.streams[a.id] = a
	return a
}

func (c *client) get(t *testing.T, path string) *answer {
	t.Helper()
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "x"}, {":path", path}} {
		enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	a := c.stream()
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.fr.WriteHeaders(http2.HeadersFrameParam{
		StreamID: a.id, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (c *client) reset(t *testing.T, a *answer) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.fr.WriteRSTStream(a.id, http2.ErrCodeCancel); err != nil {
		t.Fatal(err)
	}
}

// read gives each stream its frames, until the connection ends.
func (c *client) read() {
	for {
		f, err := c.fr.ReadFrame()
		c.mu.Lock()
		if err != nil {
			for id, a := range c.streams {
				c.end(id, a, err)
			}
			c.mu.Unlock()
			return
		}
		id := f.Header().StreamID
		a := c.streams[id]
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				c.fr.WriteSettingsAck()
			}
		case *http2.MetaHeadersFrame:
			if a != nil && a.status == "" {
				a.status = f.PseudoValue("status")
			}
			if f.StreamEnded() {
				c.end(id, a, nil)
			}
		case *http2.DataFrame:
			if a != nil {
				a.body.Write(f.Data())
			}
			if f.StreamEnded() {
				c.end(id, a, nil)
			}
		case *http2.RSTStreamFrame:
			c.end(id, a, fmt.Errorf("RST_STREAM"))
		}
		c.mu.Unlock()
	}
}

// end must be called with mu held.
func (c *client) end(id uint32, a *answer, err error) {
	if a != nil {
		a.err = err
		delete(c.streams, id)
		close(a.done)
	}
}
