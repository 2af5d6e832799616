package comparison

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// request is what the client sends.
type request struct {
	method     string
	old        bool   // HTTP/1.0
	connection string // the Connection header, "" for none
	size       int    // of the body; -1: none
	chunked    bool
	form       bool // the body is a form
	expect     bool // Expect: 100-continue
	late       bool // the second half of the body comes 20 ms later
	pipelined  bool // the next request comes with the first
}

func (q *request) read(in *input, s *script) {
	q.method = pick(in, "GET", "GET", "POST", "POST", "POST", "HEAD", "PUT")
	flags := in.next()
	if !s.http2 {
		q.old = flags%8 == 0
		q.connection = pick(in, "", "", "", "", "", "close", "keep-alive")
		q.pipelined = flags&64 != 0
	}
	q.size = -1
	if q.method == "POST" || q.method == "PUT" || flags%8 == 7 {
		q.size = pick(in, 0, 5, 5, 700, 5000, 30000, 70000, 270000)
		q.chunked = flags&8 != 0 && !q.old && q.size > 0
		q.form = flags&16 != 0 && flags&8 == 0 && q.size > 0
		q.expect = flags&48 == 32 && !q.old && q.size > 0
		q.late = flags&128 != 0 && q.size > 1 && !s.loopback
	}
}

func (q request) String() string {
	var b strings.Builder
	version := "1.1"
	if q.old {
		version = "1.0"
	}
	fmt.Fprintf(&b, "%s version %s", q.method, version)
	if q.connection != "" {
		fmt.Fprintf(&b, ", Connection: %s", q.connection)
	}
	if q.size >= 0 {
		fmt.Fprintf(&b, ", body of %d bytes", q.size)
	}
	for _, flag := range []struct {
		on   bool
		text string
	}{{q.chunked, "chunked"}, {q.form, "a form"}, {q.expect, "expects 100"}, {q.late, "half of it late"}, {q.pipelined, "next pipelined"}} {
		if flag.on {
			b.WriteString(", " + flag.text)
		}
	}
	b.WriteString("\n")
	return b.String()
}

// simpler gives requests that are one step simpler than q.
func (q request) simpler() (list []request) {
	add := func(change func(*request)) {
		t := q
		change(&t)
		if t != q {
			list = append(list, t)
		}
	}
	add(func(t *request) { t.pipelined = false })
	add(func(t *request) { t.late = false })
	add(func(t *request) { t.expect = false })
	add(func(t *request) { t.chunked = false })
	add(func(t *request) { t.form = false })
	add(func(t *request) { t.connection = "" })
	add(func(t *request) { t.old = false })
	add(func(t *request) { *t = request{method: t.method, size: -1, old: t.old, connection: t.connection} })
	add(func(t *request) { t.method = "GET" })
	return list
}

// body is the text of the request body.
func (q request) body() string {
	if q.size <= 0 {
		return ""
	}
	if q.form {
		return "name=value&fill=" + strings.Repeat("f", q.size)
	}
	return string(pattern('A', q.size))
}

const boundary = 5000 // bytes of body in a chunk of the client's

// halves is the request on the wire, in two pieces if the second half is late.
func (q request) halves() (first, second string) {
	var b strings.Builder
	version := "1.1"
	if q.old {
		version = "1.0"
	}
	fmt.Fprintf(&b, "%s /script HTTP/%s\r\nHost: example.com\r\n", q.method, version)
	if q.connection != "" {
		fmt.Fprintf(&b, "Connection: %s\r\n", q.connection)
	}
	if q.expect {
		b.WriteString("Expect: 100-continue\r\n")
	}
	if q.form {
		b.WriteString("Content-Type: application/x-www-form-urlencoded\r\n")
	}
	body := q.body()
	if q.chunked {
		b.WriteString("Transfer-Encoding: chunked\r\nTrailer: Sum\r\n\r\n")
		var c strings.Builder
		for rest := body; rest != ""; {
			n := min(len(rest), boundary)
			fmt.Fprintf(&c, "%x\r\n%s\r\n", n, rest[:n])
			rest = rest[n:]
		}
		body = c.String() + "0\r\nSum: 7\r\n\r\n"
	} else if q.size >= 0 {
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(body))
	} else {
		b.WriteString("\r\n")
	}
	if q.late {
		return b.String() + body[:len(body)/2], body[len(body)/2:]
	}
	return b.String() + body, ""
}

// next is the request that follows on the connection.
const next = "GET /next HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n"

// limits are the server's timeouts.
type limits struct{ read, write time.Duration }

// timeouts reads them: few servers have one.
func (l *limits) timeouts(in *input, s *script) {
	if s.loopback {
		return
	}
	switch in.next() % 24 {
	case 0:
		l.read = 30*time.Millisecond + 500*time.Microsecond
	case 1:
		l.write = 30 * time.Millisecond
	}
}

func (l limits) String() string {
	text := ""
	if l.read > 0 {
		text += fmt.Sprintf(", ReadTimeout %v", l.read)
	}
	if l.write > 0 {
		text += fmt.Sprintf(", WriteTimeout %v", l.write)
	}
	return text
}

func (l limits) configure(srv *http.Server) { srv.ReadTimeout, srv.WriteTimeout = l.read, l.write }
