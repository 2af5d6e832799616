package comparison

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"time"
)

// converse2 is an HTTP/2 client: net/http's, on a connection that notes the
// server's frames.
func (w *world) converse2() {
	frames := &frames{w: w}
	tr := &http.Transport{
		Protocols: new(http.Protocols), DisableCompression: true, ExpectContinueTimeout: time.Second,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			c, err := w.dial()
			if err != nil {
				return nil, err
			}
			frames.say("a connection")
			return &noted{Conn: c, frames: frames}, nil
		},
	}
	tr.Protocols.SetUnencryptedHTTP2(true)
	w.call(tr, w.s.request.forClient(w))
	w.s.pause(2 * time.Second)
	req, _ := http.NewRequest("GET", "http://example.com/next", nil)
	w.call(tr, req)
	w.s.pause(time.Second)
	tr.CloseIdleConnections()
	for _, line := range frames.take() {
		w.client.say("%s", line)
	}
}

// forClient is the request for net/http's client.
func (q request) forClient(w *world) *http.Request {
	var body io.Reader
	text := q.body()
	if q.size >= 0 {
		body = strings.NewReader(text)
		if q.late {
			body = io.MultiReader(strings.NewReader(text[:len(text)/2]), late{w.s}, strings.NewReader(text[len(text)/2:]))
		}
	}
	req, err := http.NewRequest(q.method, "http://example.com/script", body)
	if err != nil {
		panic(err)
	}
	if q.size >= 0 {
		req.ContentLength = int64(len(text))
	}
	if q.chunked {
		req.ContentLength = -1
		req.Trailer = http.Header{"Sum": {"7"}}
	}
	if q.expect {
		req.Header.Set("Expect", "100-continue")
	}
	if q.form {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			w.client.say("+%v informational %d %v", w.age(), code, h)
			return nil
		},
	}))
}

// late gives no bytes, after 20 ms.
type late struct{ s *script }

func (l late) Read([]byte) (int, error) {
	l.s.pause(20 * time.Millisecond)
	return 0, io.EOF
}

// call makes one request and says what its response is.
func (w *world) call(tr *http.Transport, req *http.Request) {
	ctx, cancel := context.WithTimeout(req.Context(), 20*time.Second)
	defer cancel()
	res, err := tr.RoundTrip(req.WithContext(ctx))
	if err != nil {
		w.client.say("+%v no response: %s", w.age(), identity(err))
		return
	}
	defer res.Body.Close()
	w.client.say("+%v %s %s length %d", w.age(), res.Proto, res.Status, res.ContentLength)
	w.client.say("header %q", sorted(res.Header))
	body, err := io.ReadAll(res.Body)
	w.client.say("+%v body %s, %s", w.age(), short(body), identity(err))
	w.client.say("trailer %q", sorted(res.Trailer))
}

func sorted(h http.Header) (lines []string) {
	for k, v := range h {
		if k == "Date" && len(v) == 1 && !strings.Contains(v[0], "1970") {
			v = []string{"NOW"}
		}
		lines = append(lines, fmt.Sprint(k, ": ", v))
	}
	slices.Sort(lines)
	return lines
}

// frames notes what the server sends on its streams.
type frames struct {
	journal
	w *world
}

// noted is a connection whose incoming frames are noted.
type noted struct {
	net.Conn
	frames *frames
	mu     sync.Mutex
	buf    []byte
}

func (n *noted) Read(p []byte) (int, error) {
	m, err := n.Conn.Read(p)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.buf = append(n.buf, p[:m]...)
	for len(n.buf) >= 9 {
		size := int(n.buf[0])<<16 | int(n.buf[1])<<8 | int(n.buf[2])
		if len(n.buf) < 9+size {
			break
		}
		n.frame(n.buf[3], n.buf[4], binary.BigEndian.Uint32(n.buf[5:]), n.buf[9:9+size])
		n.buf = n.buf[9+size:]
	}
	return m, err
}

// frame notes one frame; settings, pings and windows are not the handler's doing.
func (n *noted) frame(kind, flags byte, stream uint32, payload []byte) {
	at := n.frames.w.age()
	switch kind {
	case 0:
		n.frames.say("+%v DATA %d flags %x %s", at, stream, flags, short(payload))
	case 1, 9: // how long the fields are depends on the dynamic table, and on the date
		n.frames.say("+%v HEADERS %d flags %x", at, stream, flags)
	case 3:
		if code := binary.BigEndian.Uint32(payload); code != 5 { // that answers what the client still sent
			n.frames.say("+%v RST_STREAM %d code %d", at, stream, code)
		}
	case 5:
		n.frames.say("+%v PUSH_PROMISE %d", at, stream)
	case 7:
		n.frames.say("+%v GOAWAY last %d code %d", at, binary.BigEndian.Uint32(payload), binary.BigEndian.Uint32(payload[4:]))
	}
}
