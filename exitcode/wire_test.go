package exitcode_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// wire sends a GET for path on a connection of its own and gives what the
// server puts on it in answer, and after how long the last of it was there.
//
// On HTTP/1 that is every byte until the connection is closed, which has to
// come by itself. On HTTP/2 it is the frames of the request's stream, such as
// "HEADERS DATA(hello) RST_STREAM", with "END" after the frame that ends the
// stream; and any GOAWAY.
func (s *server) wire(path string) (got string, after time.Duration) {
	s.t.Helper()
	if s.proto == pipenet.HTTP2 {
		return s.frames(path)
	}
	return s.bytes("GET " + path + " HTTP/1.1\r\nHost: example.com\r\n\r\n")
}

// nothing fails the test if the answer to a GET for path is not a connection,
// or stream, that is dropped at once without a byte.
func (s *server) nothing(path string) {
	s.t.Helper()
	s.nothingUntil(path, 0)
}

// nothingUntil is nothing, after that time.
func (s *server) nothingUntil(path string, at time.Duration) {
	s.t.Helper()
	want := ""
	if s.proto == pipenet.HTTP2 {
		want = "RST_STREAM"
	}
	if got, after := s.wire(path); got != want || after != at {
		s.t.Errorf("GET %s: the wire has %q after %v, want %q after %v", path, got, after, want, at)
	}
}

// cutOff fails the test if the answer to a GET for path is not a header and a
// body of want that is cut off there, after that time.
func (s *server) cutOff(path, want string, at time.Duration) {
	s.t.Helper()
	got, after := s.wire(path)
	if s.proto == pipenet.HTTP2 {
		check(s.t, "GET "+path+", frames", got, "HEADERS DATA("+want+") RST_STREAM")
	} else if tail := fmt.Sprintf("\r\n\r\n%x\r\n%s\r\n", len(want), want); !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") ||
		!strings.HasSuffix(got, tail) || strings.Count(got, "\r\n\r\n") != 1 {
		s.t.Errorf("GET %s: the wire has %q, want a header and then %q alone", path, got, tail)
	}
	check(s.t, "GET "+path+", end of the connection or stream", after, at)
}

// bytes sends text on a connection of its own and gives all that comes back.
func (s *server) bytes(text string) (string, time.Duration) {
	s.t.Helper()
	c := s.Dial()
	begin := time.Now()
	_ = c.SetReadDeadline(begin.Add(24 * time.Hour)) // a pipe's does not fail
	if _, err := io.WriteString(c, text); err != nil {
		s.t.Errorf("sending the request: %v", err)
	}
	b, err := io.ReadAll(c)
	if err != nil {
		s.t.Errorf("reading until the server closes: %v after %q, want io.EOF", err, b)
	}
	return string(b), time.Since(begin)
}

// The HTTP/2 frames that matter here.
const (
	frameData     = 0
	frameHeaders  = 1
	frameRST      = 3
	frameSettings = 4
	framePing     = 6
	frameGoAway   = 7

	flagEndStream  = 1
	flagEndHeaders = 4
)

func appendFrame(b []byte, kind, flags byte, stream uint32, payload string) []byte {
	b = append(b, 0, byte(len(payload)>>8), byte(len(payload)), kind, flags)
	b = binary.BigEndian.AppendUint32(b, stream)
	return append(b, payload...)
}

// frames is wire on HTTP/2. Once the stream has ended it asks for a PING, so
// that frames which should not come have had their time.
func (s *server) frames(path string) (got string, after time.Duration) {
	s.t.Helper()
	// HPACK's static table: GET, http, a path and an authority.
	return s.exchange("\x82\x86\x04"+string(rune(len(path)))+path+"\x01\x0bexample.com", flagEndStream)
}

// exchange gives the frames of the answer to a request whose header has these fields.
func (s *server) exchange(fields string, flags byte) (got string, after time.Duration) {
	s.t.Helper()
	c := s.Dial()
	begin := time.Now()
	_ = c.SetReadDeadline(begin.Add(24 * time.Hour)) // a pipe's does not fail
	out := appendFrame([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frameSettings, 0, 0, "")
	out = appendFrame(out, frameHeaders, flags|flagEndHeaders, 1, fields)
	if _, err := c.Write(out); err != nil {
		s.t.Errorf("sending the request: %v", err)
	}
	var list []string
	for head := make([]byte, 9); ; {
		if _, err := io.ReadFull(c, head); err != nil {
			s.t.Errorf("reading frames: %v after %q, want the stream to end", err, list)
			break
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(c, payload); err != nil {
			s.t.Errorf("reading a frame: %v after %q", err, list)
			break
		}
		stream := binary.BigEndian.Uint32(head[5:])
		if head[3] == framePing && head[4]&1 != 0 {
			break // the answer to ours
		}
		if name := frameName(head[3], payload); name != "" && (stream == 1 || head[3] == frameGoAway) {
			list = append(list, name)
		}
		ends := head[3] == frameRST || head[3] <= frameHeaders && head[4]&flagEndStream != 0
		if stream == 1 && ends {
			if head[3] != frameRST {
				list = append(list, "END")
			}
			after = time.Since(begin)
			_, _ = c.Write(appendFrame(nil, framePing, 0, 0, "lastbyte")) // reading tells of a failure
		}
	}
	return strings.Join(list, " "), after
}

func frameName(kind byte, payload []byte) string {
	switch kind {
	case frameData:
		return "DATA(" + string(payload) + ")"
	case frameHeaders:
		return "HEADERS"
	case frameRST:
		return "RST_STREAM"
	case frameGoAway:
		return "GOAWAY"
	}
	return ""
}
