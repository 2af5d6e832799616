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
