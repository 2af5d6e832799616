package eof_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// Large bodies, of which the handler reads nothing. (The Transport of HTTP/1
// holds the end of such an answer back for 50 ms, hence the bare connection.)
func TestE1_BodyUnread(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	for _, c := range []struct{ name, header, body string }{
		{"50 KB", "Content-Length: 51200\r\n", big[:50<<10]},
		{"200 KB", "Content-Length: 204800\r\n", big[:200<<10]},
		{"1 MB", "Content-Length: 1048576\r\n", big},
		{"1 MB in chunks", "Transfer-Encoding: chunked\r\n", "100000\r\n" + big + "\r\n0\r\n\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				done := make(chan error, 1)
				s := serve(t, pipenet.HTTP1, background(t, eof.Options{}).Detach, worker(done))
				conn := s.Dial()
				start := time.Now()
				go io.WriteString(conn, "POST / HTTP/1.1\r\nHost: example.com\r\n"+c.header+"\r\n"+c.body)
				res, err := http.ReadResponse(bufio.NewReader(conn), nil)
				r := read(t, res, err)
				at(t, "the whole answer", start, 0)
				r.want(t, 200, answer)
				wantErr(t, "Send, and ctx.Err() after it", <-done, nil)
				if s.Logs() != "" {
					t.Errorf("the server logged %q, want nothing", s.Logs())
				}
			})
		})
	}
}

func TestE1_BodyUnreadHTTP2(t *testing.T) {
	bubble(t, func(t *testing.T) {
		done := make(chan error, 1)
		s := serve(t, pipenet.HTTP2, background(t, eof.Options{}).Detach, worker(done))
		start := time.Now()
		r := do(t, s, s.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", 1<<20))))
		at(t, "the whole answer", start, 0)
		r.want(t, 200, answer)
		wantErr(t, "Send, and ctx.Err() after it", <-done, nil)
	})
}

// The client has promised a body and sends nothing of it.
func TestE1_BodyNeverSent(t *testing.T) {
	for _, header := range []string{"Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n",
		"Content-Length: 100\r\nExpect: 100-continue\r\n"} {
		t.Run(strings.ReplaceAll(strings.TrimSpace(header), "\r\n", ", "), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				done := make(chan error, 1)
				s := serve(t, pipenet.HTTP1, background(t, eof.Options{}).Detach, worker(done))
				start := time.Now()
				r, _ := raw(t, s, "POST / HTTP/1.1\r\nHost: example.com\r\n"+header+"\r\n")
				at(t, "the whole answer", start, 0)
				r.want(t, 200, answer)
				wantErr(t, "Send, and ctx.Err() after it", <-done, nil)
			})
		})
	}
}

func TestE14_BodyReadAfterSend(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		type result struct {
			n   int
			err error
		}
		got := make(chan result, 1)
		s := serve(t, p, background(t, eof.Options{}).Detach, func(w http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context())
			if r.URL.Path != "/read" {
				return
			}
			time.Sleep(time.Second)
			n, err := r.Body.Read(make([]byte, 10))
			got <- result{n, err}
			r.Body.Close()
		})
		do(t, s, s.NewRequest("POST", "/read", strings.NewReader("first"))).want(t, 200, "")
		do(t, s, s.NewRequest("POST", "/", strings.NewReader("second"))).want(t, 200, "")
		r := <-got
		if r.n != 0 {
			t.Errorf("Read after Send = %d bytes, want none", r.n)
		}
		wantErr(t, "Read after Send", r.err, eof.ErrEnded)
		wantErr(t, "Read after Send", r.err, http.ErrBodyReadAfterClose)
	})
}

// stray is what a client sends as its request body, late: it must never be
// taken for a request.
const stray = "GET /stray HTTP/1.1\r\nHost: example.com\r\n\r\n"

// A goroutine is stuck in a read of the body while the response ends: the read
// ends, too.
func TestE14_BodyReadDuringSend(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var asked book
		sent, read5, body := make(chan error, 1), make(chan int), make(chan error, 1)
		s := serve(t, pipenet.HTTP1, background(t, eof.Options{}).Detach, func(w http.ResponseWriter, r *http.Request) {
			asked.add(r.URL.Path)
			if r.URL.Path == "/stray" {
				return
			}
			go func() {
				n, _ := io.ReadFull(r.Body, make([]byte, 5))
				read5 <- n
				_, err := io.ReadAll(r.Body)
				body <- err
			}()
			<-read5
			time.Sleep(time.Millisecond) // the next read has begun
			sent <- eof.Send(r.Context())
		})
		c := s.Dial()
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 100\r\n\r\nhello")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		read(t, res, err).want(t, 200, "")
		wantErr(t, "Send", <-sent, nil)
		if err := <-body; err == nil {
			t.Error("reading the body during Send = nil, want an error")
		}
		io.WriteString(c, stray)
		synctest.Wait()
		if got, want := asked.String(), "/"; got != want {
			t.Errorf("requests served: %q, want %q", got, want)
		}
	})
}

// The server's ReadTimeout ends net/http's wait for the unread body.
func TestE14_BodyUnreadAtReadTimeout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var asked book
		h := background(t, eof.Options{}).Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.add(r.URL.Path)
			eof.Send(r.Context())
		}))
		s := pipenet.Start(t, pipenet.HTTP1, h, func(srv *http.Server) { srv.ReadTimeout = time.Second })
		c := s.Dial()
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 100\r\n\r\nhello")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		read(t, res, err).want(t, 200, "")
		time.Sleep(2 * time.Second)
		io.WriteString(c, stray)
		synctest.Wait()
		if got, want := asked.String(), "/"; got != want {
			t.Errorf("requests served: %q, want %q", got, want)
		}
	})
}
