package stress_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"time"
)

// plain is a client of HTTP/1 that writes its requests by hand.
type plain struct {
	*chaos
	*rand.Rand
	link
	tcp  *net.TCPConn
	conn net.Conn // tcp, or TLS over it
	in   *bufio.Reader
	used bool // by a handler that may have ended it in its own way
	past []string
}

// patience is what a client has for one thing that it does.
const patience = 30 * time.Second

func (c *plain) run() {
	for c.again() {
		if c.conn == nil && !c.dial() {
			return
		}
		_ = c.conn.SetDeadline(time.Now().Add(patience))
		manners := []func(){c.finish, c.pipeline, c.cut, c.abort, c.slowly, c.stop, c.leave, c.half}
		manners[c.IntN(len(manners))]()
	}
	c.close(false)
}

func (c *plain) dial() bool {
	conn, err := net.Dial("tcp", c.sites[c.link].address)
	if err != nil {
		c.wrong("Dial() = %v", err)
		return false
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	c.tcp, c.conn, c.used, c.past = conn.(*net.TCPConn), conn, false, nil
	if c.secure {
		over := tls.Client(conn, believe())
		if err := over.Handshake(); err != nil {
			c.wrong("Handshake() = %v", err)
			c.close(true)
			return false
		}
		c.conn = over
	}
	c.in = bufio.NewReader(c.conn)
	return true
}

// close ends the connection, by an RST, or a FIN that a close_notify may go
// ahead of.
func (c *plain) close(reset bool) {
	if c.conn == nil {
		return
	}
	if reset {
		_ = c.tcp.SetLinger(0)
	}
	if reset || c.IntN(3) == 0 {
		c.tcp.Close()
	} else {
		c.conn.Close()
	}
	c.conn = nil
}

// shut closes the client's side: by a FIN, or a close_notify alone.
func (c *plain) shut() {
	if over, ok := c.conn.(*tls.Conn); ok && c.IntN(2) == 0 {
		_ = over.CloseWrite()
		return
	}
	_ = c.tcp.CloseWrite()
}

func (c *plain) ops() string {
	if c.IntN(2) == 0 {
		return calmly
	}
	return wildly
}

// send writes p; a server that has closed the connection shows when it is read.
func (c *plain) send(p program) { _, _ = c.conn.Write(p.text()) }

// answer reads the response to p. It reports whether the connection is of use.
func (c *plain) answer(p program) bool {
	res, err := c.response(p)
	if err != nil && c.used { // the end of the connection may belong to the one before
		return false
	}
	c.used, p.past = !p.calm(), c.past
	c.past = append(c.past, p.method+p.path())
	return c.whole(p, res, err) && !res.Close
}

// response is the final one.
func (c *plain) response(p program) (res *http.Response, err error) {
	for {
		res, err = http.ReadResponse(c.in, &http.Request{Method: p.method})
		if err != nil || res.StatusCode >= 200 {
			return res, err
		}
	}
}

// finish waits for each of its answers.
func (c *plain) finish() {
	for range 1 + c.IntN(4) {
		p := c.program(c.Rand, c.ops())
		c.send(p)
		if !c.answer(p) {
			c.close(false)
			return
		}
	}
}

// pipeline sends all requests, then reads the answers.
func (c *plain) pipeline() {
	var text []byte
	var all []program
	ops := c.ops()
	for range 2 + c.IntN(6) {
		p := c.program(c.Rand, ops)
		p.unsure = ops == wildly // one that is dropped takes those before it along
		all, text = append(all, p), append(text, p.text()...)
	}
	go func(conn net.Conn) { _, _ = conn.Write(text) }(c.conn)
	for _, p := range all {
		if !c.answer(p) {
			c.close(false)
			return
		}
	}
}

// cut sends a part of one request or two.
func (c *plain) cut() {
	text := append(c.program(c.Rand, wildly).text(), c.program(c.Rand, wildly).text()...)
	_, _ = c.conn.Write(text[:c.IntN(len(text))])
	c.goAway(false)
}

// abort leaves in the middle of the answer.
func (c *plain) abort() {
	p := c.program(c.Rand, c.ops())
	c.send(p)
	if res, err := c.response(p); err == nil && !c.used {
		c.some(p, res, c.IntN(40000))
	}
	c.goAway(false)
}

// goAway leaves in one of the ways there are. What a deaf server has not read
// keeps it from reading a close_notify, too.
func (c *plain) goAway(deaf bool) {
	c.left.Add(1)
	switch c.IntN(4) {
	case 0:
		c.shut()
		if !deaf || !c.secure {
			_, _ = io.Copy(io.Discard, c.in)
		}
	case 1:
		c.close(true)
	}
	c.close(false)
}

// slowly reads the answer bit by bit.
func (c *plain) slowly() {
	c.close(false)
	if !c.dial() {
		return
	}
	_ = c.tcp.SetReadBuffer(64 << 10)
	c.in = bufio.NewReaderSize(reluctant{c.conn}, 16)
	p := c.program(c.Rand, calmly+"e")
	c.send(p)
	c.answer(p)
	c.close(false)
}

// reluctant takes its time, which the server has to bear, but does not wait long
// for a byte.
type reluctant struct{ net.Conn }

func (r reluctant) Read(p []byte) (int, error) {
	runtime.Gosched()
	_ = r.SetDeadline(time.Now().Add(patience))
	return r.Conn.Read(p[:min(len(p), 1500)])
}

// stop uploads a part of what it has promised, and waits a little.
func (c *plain) stop() {
	p := c.program(c.Rand, wildly)
	p.method, p.upload = "POST", 1+c.IntN(300000)
	text := p.text()
	_, _ = c.conn.Write(text[:len(text)-1-c.IntN(p.upload)])
	_ = c.conn.SetReadDeadline(time.Now().Add(time.Duration(c.IntN(10)) * time.Millisecond))
	if res, err := c.response(p); err == nil && !c.used {
		c.some(p, res, c.IntN(40000))
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	c.goAway(false)
}

// leave leaves a handler that waits for it to, with all of its request read or
// not, and with the next one on the way or not.
func (c *plain) leave() {
	p := c.waiting(c.Rand)
	text := p.text()
	more := c.IntN(4)
	switch more {
	case 0:
		text = append(text, c.program(c.Rand, calmly).text()...)
	case 1:
		p.method, p.upload = "POST", 400000  // of up to 256 KB net/http would read all before it answers
		text = p.text()[:1000+c.IntN(30000)] // more than the socket holds would keep the FIN back
	}
	go func(conn net.Conn) { _, _ = conn.Write(text) }(c.conn)
	res, err := c.response(p)
	if err == nil {
		c.some(p, res, 0)
	} else if !c.used {
		c.wrong("request %s %s: %v, want the beginning of an answer", p.id, p.path(), err)
	}
	c.goAway(more < 2)
}

// half closes its side, which is to leave, and reads what comes.
func (c *plain) half() {
	p := c.program(c.Rand, wildly)
	c.send(p)
	c.shut()
	c.left.Add(1)
	if res, err := c.response(p); err == nil && !c.used {
		c.some(p, res, 100000)
	}
	c.close(false)
}
