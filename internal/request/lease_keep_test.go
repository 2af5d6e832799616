package request_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// bodyReaders are the ways in which a body comes to its end before the response
// does, in a layer around lastbyte or in the handler.
var bodyReaders = []struct {
	name    string
	inside  bool
	consume func(w http.ResponseWriter, r *http.Request)
}{
	{"FormValue", false, func(w http.ResponseWriter, r *http.Request) { r.FormValue("a") }},
	{"ReadAll", false, func(w http.ResponseWriter, r *http.Request) { io.ReadAll(r.Body) }},
	{"ReadAll, replaced", false, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(b))
	}},
	{"MaxBytesReader", false, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		io.ReadAll(r.Body)
	}},
	{"Close", false, func(w http.ResponseWriter, r *http.Request) { r.Body.Close() }},
	{"ReadAll, Close", false, func(w http.ResponseWriter, r *http.Request) { io.ReadAll(r.Body); r.Body.Close() }},
	{"nobody", true, func(http.ResponseWriter, *http.Request) {}},
	{"FormValue inside", true, func(w http.ResponseWriter, r *http.Request) { r.FormValue("a") }},
	{"ReadAll inside", true, func(w http.ResponseWriter, r *http.Request) { io.ReadAll(r.Body) }},
	{"Close inside", true, func(w http.ResponseWriter, r *http.Request) { r.Body.Close() }},
}

// formBodies are request bodies whose last byte has arrived.
var formBodies = map[string]string{
	"length":   "Content-Length: 1003\r\n\r\na=" + strings.Repeat("x", 1001),
	"chunked":  "Transfer-Encoding: chunked\r\n\r\n3\r\na=x\r\n0\r\n\r\n",
	"trailer":  "Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n3\r\na=x\r\n0\r\nX-T: 1\r\n\r\n",
	"continue": "Expect: 100-continue\r\nContent-Length: 3\r\n\r\na=x",
}

// Whoever has read or closed the body: the connection is kept, as without
// lastbyte, and the contexts of its later requests, lastbyte's and others, are
// alive.
func TestE20_BodyAtItsEnd(t *testing.T) {
	for _, m := range leaseMounts {
		for _, read := range bodyReaders {
			for name, body := range formBodies {
				if name == "continue" && (read.name == "nobody" || strings.HasPrefix(read.name, "Close")) {
					continue // net/http closes
				}
				for _, e := range lastActs {
					if !m.sends && e.name[0] == 'S' || e.name == "panic" || e.name == "Exit(444)" {
						continue
					}
					t.Run(fmt.Sprint(m.name, " ", read.name, " ", name, " ", e.name), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							if !keeps(t, m, read.inside, read.consume, body, e) {
								t.Error("the connection was closed after the response, want it kept")
							}
						})
					})
				}
			}
		}
	}
}

func keeps(t *testing.T, m leaseMount, inside bool, consume func(http.ResponseWriter, *http.Request), body string, e lastAct) bool {
	life := middleware.New(middleware.Options{})
	t.Cleanup(func() { life.Shutdown(context.Background()) })
	alive := func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Millisecond)
		if err := r.Context().Err(); err != nil {
			t.Errorf("%s: ctx.Err() = %v, %v, want nil", r.URL.Path, err, context.Cause(r.Context()))
		}
		abort.On(r.Context(), func(context.Context) { t.Errorf("%s: the callback runs, want no abort", r.URL.Path) })
		time.Sleep(time.Millisecond)
	}
	wrapped := m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		alive(w, r)
		if r.Method == "POST" {
			if inside {
				consume(w, r)
			}
			e.end(r.Context())
		}
	}))
	s := pipenet.Start(t, pipenet.HTTP1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/plain" {
			alive(w, r)
			return
		}
		if r.Method == "POST" && !inside {
			consume(w, r)
		}
		wrapped.ServeHTTP(w, r)
	}), func(srv *http.Server) {
		if m.attached {
			life.Attach(srv)
		}
	})
	c := s.Dial()
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(time.Hour))
	in := bufio.NewReader(c)
	for i := range 2 {
		for _, first := range []string{"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n" + body, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n"} {
			io.WriteString(c, first)
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Errorf("round %d: response = %v, want one", i, err)
				return false
			}
			if res.Close {
				return false
			}
			io.Copy(io.Discard, res.Body)
			time.Sleep(10 * time.Millisecond)
		}
	}
	return true
}
