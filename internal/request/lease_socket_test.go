package request_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/middleware"
)

// sockets serves h over TCP or TLS and gives a client's connection.
func (m leaseMount) sockets(t *testing.T, secure bool, h http.HandlerFunc) net.Conn {
	t.Helper()
	life := middleware.New(middleware.Options{})
	s := httptest.NewUnstartedServer(m.wrap(life, h))
	if m.attached {
		life.Attach(s.Config)
	}
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(func() {
		s.Close()
		life.Shutdown(context.Background())
	})
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if secure {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// What a handler does last while a body is unread or being read, over sockets. A
// follower comes in the same segment; it is served, or the connection is closed, but
// no request is served out of the body.
func TestE19_E20_FollowerInTheFirstSegment(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, m := range leaseMounts {
			for _, e := range lastActs {
				if !m.sends && e.name[0] == 'S' || e.name == "Send, and work" {
					continue
				}
				for _, reads := range []bool{false, true} {
					t.Run(fmt.Sprint(m.name, " ", e.name, " reads:", reads, " TLS:", secure), func(t *testing.T) {
						t.Parallel()
						var asked served
						c := m.sockets(t, secure, func(w http.ResponseWriter, r *http.Request) {
							asked.add(r)
							if r.Method == "POST" {
								if reads {
									begun := make(chan struct{})
									go func() { close(begun); io.ReadAll(r.Body) }()
									<-begun
								}
								e.end(r.Context())
							}
						})
						io.WriteString(c, fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(stray), stray)+
							"GET /follower HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
						io.Copy(io.Discard, c)
						got := asked.String()
						if strings.Contains(got, "stray") || got != "[/]" && got != "[/ /follower]" {
							t.Errorf("requests served: %s, want [/] or [/ /follower]", got)
						}
					})
				}
			}
		}
	}
}

// Of the body some never comes, or too late. After a return and after a panic net/http
// waits for it.
func TestE19_BodyIncomplete_Sockets(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, m := range leaseMounts {
			for _, e := range lastActs {
				if !m.sends && e.name[0] == 'S' || e.name == "Send, and work" || e.name == "return" || e.name == "panic" {
					continue
				}
				t.Run(fmt.Sprint(m.name, " ", e.name, " TLS:", secure), func(t *testing.T) {
					t.Parallel()
					var asked served
					c := m.sockets(t, secure, func(w http.ResponseWriter, r *http.Request) {
						asked.add(r)
						if r.Method == "POST" {
							e.end(r.Context())
						}
					})
					io.WriteString(c, fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\nhello", 5+len(stray)))
					in := bufio.NewReader(c)
					if res, err := http.ReadResponse(in, nil); err == nil { // before the rest is sent
						io.Copy(io.Discard, res.Body)
						if !res.Close {
							t.Error("the response says that the connection is kept, want it closed")
						}
					} else if e.name != "Exit(444)" {
						t.Errorf("response = %v, want one", err)
					}
					io.WriteString(c, stray+stray)
					io.Copy(io.Discard, in)
					if got := asked.String(); got != "[/]" {
						t.Errorf("requests served: %s, want [/]", got)
					}
				})
			}
		}
	}
}
