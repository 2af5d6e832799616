package exitcode_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// net/http alone reads up to 256 KB of a request body before it sends the
// header: a client that waits for the answer before it sends the rest would
// wait for ever.
func TestX15_UnreadBodyIsAnsweredAtOnce(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Read") != "" {
				_, err := r.Body.Read(make([]byte, 5))
				isErr(t, "reading 5 bytes", err, nil)
			}
			isErr(t, "Exit", exitcode.Exit(r.Context(), pathCode(r)), nil)
		})
		for _, code := range []int{400, 413, 503, 202, 204} {
			for _, b := range unreadBodies {
				s.answersUnread(b, code)
			}
		}
		check(t, "log", s.Logs(), "")
	})
}

func TestX15_PhaseAnswersAtOnce(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		phase := exitcode.Phase(func(w http.ResponseWriter, r *http.Request) exitcode.Code { return pathCode(r) })
		s := start(t, p, phase, func(w http.ResponseWriter, r *http.Request) { t.Error("the handler runs") })
		for _, b := range unreadBodies {
			s.answersUnread(b, 401)
		}
	})
}

// answersUnread fails the test if a POST whose body is held back is not
// answered with all of code's response at once. What becomes of the connection
// then is net/http's business.
func (s *server) answersUnread(b unreadBody, code int) {
	s.t.Helper()
	path, body := fmt.Sprintf("/%d", code), ""
	if code >= 300 {
		body = exitcode.Code(code).String() + "\n"
	}
	what := fmt.Sprintf("POST %s, %s", path, b.name)
	r := b.request(s, path)
	defer r.Body.Close()
	a := answer{}
	if s.proto == pipenet.HTTP2 {
		a = s.do(r)
	} else {
		a = s.post(r, b.text) // net/http's client would wait for its own body
	}
	a.is(s.t, what, code, body)
	check(s.t, what+", answered", a.whole, 0)
	s.recorded(code)
}

// post sends a request with text behind its first lines on a connection of its
// own, and reads one response.
func (s *server) post(r *http.Request, text string) (a answer) {
	s.t.Helper()
	c := s.Dial()
	defer c.Close()
	begin := time.Now()
	_ = c.SetReadDeadline(begin.Add(time.Hour)) // a pipe's does not fail
	if _, a.err = fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: example.com\r\n%s", r.URL.Path, text); a.err != nil {
		return a
	}
	res, err := http.ReadResponse(bufio.NewReader(c), r)
	if err != nil {
		a.err = err
		return a
	}
	b, err := io.ReadAll(res.Body)
	a.status, a.header, a.body, a.err, a.whole = res.StatusCode, res.Header, string(b), err, time.Since(begin)
	return a
}

// The usual case: all of the body is there, but nobody reads it.
func TestX15_SentButUnread(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), 401) })
		for _, size := range []int{1, 1000, 10_000, 60_000} {
			a := s.do(s.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", size))))
			a.is(t, fmt.Sprintf("POST of %d bytes", size), 401, "401 Unauthorized\n")
			s.recorded(401)
		}
		synctest.Wait()
		check(t, "log", s.Logs(), "")
	})
}

// A client that is still writing must get to its reading: the server lets go of
// the connection in a way that does not make its next write fail.
func TestX15_ClientStillWriting(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		if p == pipenet.HTTP2 {
			return // a stream that is reset leaves the connection alone
		}
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), pathCode(r)) })
		for _, code := range []int{401, 503, 202} {
			c := s.Dial()
			fmt.Fprintf(c, "POST /%d HTTP/1.1\r\nHost: example.com\r\nContent-Length: 50000\r\n\r\n", code)
			for i := range 5 {
				synctest.Wait()
				if _, err := c.Write(make([]byte, 10_000)); err != nil {
					t.Errorf("%d: write of part %d of the body = %v, want nil", code, i+1, err)
				}
				time.Sleep(time.Millisecond)
			}
			_ = c.SetReadDeadline(time.Now().Add(time.Hour)) // a pipe's does not fail
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil || res.StatusCode != code {
				t.Errorf("%d: then the client reads %v, %v, want the answer", code, res, err)
			}
			c.Close()
			s.recorded(code)
		}
		check(t, "log", s.Logs(), "")
	})
}

// A body that the handler has read, and one that there is not, change nothing:
// the connection is kept.
func TestX15_ReadBodyKeepsConnection(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			buf := make([]byte, 10)
			for {
				if _, err := r.Body.Read(buf); err != nil {
					break
				}
			}
			exitcode.Exit(r.Context(), 409)
		})
		for range 3 {
			s.do(s.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", 1000)))).is(t, "POST", 409, "409 Conflict\n")
		}
		s.same()
	})
}

// unreadBody is a request body of which the client holds something back.
type unreadBody struct {
	name, text string // what an HTTP/1 client sends after the first lines
	length     int64  // the same for the other client: declared, -1 for none
	sent, read string
}

var unreadBodies = []unreadBody{
	{"small", "Content-Length: 10\r\n\r\n", 10, "", ""},
	{"256 KB", "Content-Length: 262144\r\n\r\n", 256 << 10, "", ""},
	{"large", "Content-Length: 104857600\r\n\r\n", 100 << 20, "", ""},
	{"chunked", "Transfer-Encoding: chunked\r\n\r\n", -1, "", ""},
	{"partly sent", "Content-Length: 1000\r\n\r\n01234", 1000, "01234", ""},
	{"partly read", "Read: 5\r\nContent-Length: 1000\r\n\r\n0123456789", 1000, "0123456789", "5"},
}

func (b unreadBody) request(s *server, path string) *http.Request {
	end := make(chan struct{})
	r := s.NewRequest("POST", path, &held{strings.NewReader(b.sent), end, sync.OnceFunc(func() { close(end) })})
	if r.ContentLength = b.length; b.read != "" {
		r.Header.Set("Read", b.read)
	}
	return r
}

// held is a body whose rest never comes.
type held struct {
	first *strings.Reader
	end   <-chan struct{}
	close func()
}

func (b *held) Read(p []byte) (int, error) {
	if b.first.Len() > 0 {
		return b.first.Read(p)
	}
	<-b.end
	return 0, io.ErrClosedPipe
}

func (b *held) Close() error {
	b.close()
	return nil
}
