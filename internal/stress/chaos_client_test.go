package stress_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
)

// program is a request, and what its handler will do: a letter each, see serve.
type program struct {
	id     string
	method string
	detach bool
	ops    string
	upload int      // bytes of the request body
	unsure bool     // it may be dropped, though calm
	past   []string // the programs before it, on the same connection
}

const (
	calmly = "wwWWBccffhkisSood" // nothing here ends a response early, or badly
	wildly = calmly + "rRjxtpaX"
)

func (c *chaos) program(r *rand.Rand, ops string) program {
	p := program{id: strconv.FormatInt(c.ids.Add(1), 10), method: "GET", detach: r.IntN(2) == 0}
	for range 1 + r.IntN(6) {
		p.ops += string(ops[r.IntN(len(ops))])
	}
	if r.IntN(4) == 0 {
		p.method, p.upload = "POST", r.IntN(4000)
	}
	return p
}

func (p program) path() string {
	mount := "/h/"
	if p.detach {
		mount = "/d/"
	}
	return mount + p.id + "?do=" + p.ops
}

func (p program) calm() bool {
	return strings.IndexFunc(p.ops, func(op rune) bool { return !strings.ContainsRune(calmly+"e", op) }) < 0
}

// want is the length of the body that a calm program gives.
func (p program) want() (n int) {
	for _, op := range p.ops {
		switch op {
		case 'w':
			n += 21 * 8
		case 'W':
			n += 21 * 400
		case 'B':
			n += 21 * 10000
		case 'c':
			n += 21 * 64
		case 'S':
			if p.detach {
				return n
			}
		}
	}
	return n
}

// text is p on the wire of HTTP/1, body and all.
func (p program) text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: x\r\n", p.method, p.path())
	if p.method == "POST" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", p.upload)
	}
	b.WriteString("\r\n")
	b.Write(make([]byte, p.upload))
	return b.Bytes()
}

// verify checks a response, or as much as there was of it.
func (c *chaos) verify(p program, res *http.Response, body []byte, err error) {
	if got := res.Header.Get("X-Id"); got != p.id {
		c.wrong("request %s: the response is of %q", p.id, got)
		return
	}
	page := exitcode.Code(res.StatusCode).String() + "\n"
	isPage := res.StatusCode >= 300 && strings.HasPrefix(page, string(body))
	if text := pattern(p.id, len(body)/21+1); !isPage && !bytes.Equal(body, text[:len(body)]) {
		c.wrong("request %s: not all of the body's %d bytes are its own: %.99q", p.id, len(body), body)
		return
	}
	if err == nil && p.calm() && (res.StatusCode != http.StatusOK || len(body) != p.want()) {
		c.wrong("request %s %s: %s, %d bytes, want 200 and %d", p.id, p.path(), res.Status, len(body), p.want())
	}
}

// whole reads all of a response. A calm program that a client waits for has one.
func (c *chaos) whole(p program, res *http.Response, err error) bool {
	var body []byte
	if err == nil {
		body, err = io.ReadAll(res.Body)
		res.Body.Close()
		c.verify(p, res, body, err)
	}
	if err == nil {
		c.answered.Add(1)
		return true
	}
	c.dropped.Add(1)
	if p.calm() && !p.unsure {
		c.wrong("request %s %s: %v, after %d bytes, want an answer; before it %q", p.id, p.path(), err, len(body), p.past)
	}
	return false
}

// some reads up to n bytes of a response.
func (c *chaos) some(p program, res *http.Response, n int) {
	body := make([]byte, n)
	n, err := io.ReadFull(res.Body, body)
	if err == nil {
		err = io.ErrUnexpectedEOF // there may be more
	}
	c.verify(p, res, body[:n], err)
}

// waiting is a program whose handler notices that its client leaves.
func (c *chaos) waiting(r *rand.Rand) program {
	p := c.program(r, "wshd")
	if r.IntN(2) == 0 {
		p.ops += "o"
	}
	p.ops += "fK"
	p.ops += oneOf([]string{"", "w", "x", "i", "t", "p", "S", "o"})
	return p
}

// again reports whether there is time for more.
func (c *chaos) again() bool { return time.Now().Before(c.until) }
