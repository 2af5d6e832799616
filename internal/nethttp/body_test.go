package nethttp_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// A body of which nothing has arrived does not hold AtEnd up; one that was read
// or closed is known to be at its end, but for a chunked one.
func TestAtEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			name, text   string
			read         func(r *http.Request)
			before, want bool
		}{
			{"unread", "Content-Length: 5\r\n\r\n", nil, false, false},
			{"arrived", "Content-Length: 5\r\n\r\nhello", nil, false, false},
			{"one byte", "Content-Length: 5\r\n\r\nhello", func(r *http.Request) { r.Body.Read(make([]byte, 1)) }, false, false},
			{"all bytes", "Content-Length: 5\r\n\r\nhello", func(r *http.Request) { io.ReadFull(r.Body, make([]byte, 5)) }, false, true},
			{"read", "Content-Length: 5\r\n\r\nhello", func(r *http.Request) { io.ReadAll(r.Body) }, false, true},
			{"closed", "Content-Length: 5\r\n\r\nhello", func(r *http.Request) { r.Body.Close() }, false, true},
			{"chunked", "Transfer-Encoding: chunked\r\n\r\n", nil, false, false},
			{"chunked, read", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", func(r *http.Request) { io.ReadAll(r.Body) }, false, false},
			{"limited", "Content-Length: 5\r\n\r\nhello", func(r *http.Request) {
				r.Body = http.MaxBytesReader(nil, r.Body, 10)
				io.ReadAll(r.Body)
			}, false, true},
		} {
			got := make(chan [2]bool, 1)
			s := pipenet.Start(t, pipenet.HTTP1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var at [2]bool
				at[0] = nethttp.AtEnd(r)
				if c.read != nil {
					c.read(r)
				}
				at[1] = nethttp.AtEnd(r)
				got <- at
				w.Header().Set("Connection", "close")
			}))
			conn := s.Dial()
			conn.SetReadDeadline(time.Now().Add(time.Hour))
			io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\n"+c.text)
			if at := <-got; at != [2]bool{c.before, c.want} {
				t.Errorf("%s: AtEnd() = %v before and after, want %v, %v", c.name, at, c.before, c.want)
			}
			http.ReadResponse(bufio.NewReader(conn), nil)
			conn.Close()
		}
	})
}

func TestHasReadDeadline(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		serve(t, p, func(w http.ResponseWriter, r *http.Request) {
			if !nethttp.HasReadDeadline(wrapper{w}) {
				t.Error("HasReadDeadline(wrapper) = false, want true")
			}
			if nethttp.HasReadDeadline(opaque{w}) {
				t.Error("HasReadDeadline(opaque) = true, want false")
			}
		})
	})
}

// The HTTP/1 server reads what is left of a body before it sends the header, and
// keeps the connection. If MaxUnread is left, or more, it sends the header at once, and
// closes the connection.
func TestMaxUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, left := range []int{nethttp.MaxUnread - 1, nethttp.MaxUnread} {
			s := pipenet.Start(t, pipenet.HTTP1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
			conn := s.Dial()
			conn.SetDeadline(time.Now().Add(time.Hour))
			fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", left)
			synctest.Wait()
			if left < nethttp.MaxUnread {
				conn.Write(make([]byte, left))
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatalf("ReadResponse() = %v, want a response", err)
			}
			if want := left >= nethttp.MaxUnread; res.Close != want {
				t.Errorf("%d bytes are left: response.Close = %v, want %v", left, res.Close, want)
			}
			conn.Close()
		}
	})
}

// With Expect: 100-continue the HTTP/1 server reads no body that the handler has not
// asked for: it sends the header at once, and closes the connection.
func TestExpect_NothingIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := pipenet.Start(t, pipenet.HTTP1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
		conn := s.Dial()
		conn.SetDeadline(time.Now().Add(time.Hour))
		io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("ReadResponse() = %v, want a response", err)
		}
		if res.StatusCode != 200 || !res.Close {
			t.Errorf("status %d, response.Close = %v, want 200 and true", res.StatusCode, res.Close)
		}
	})
}
