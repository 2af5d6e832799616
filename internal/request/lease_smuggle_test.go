package request_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// stray is what a client sends as the rest of a request body. It must never be
// taken for a request.
const stray = "GET /stray HTTP/1.1\r\nHost: example.com\r\n\r\n"

// served keeps the paths of the requests that reached a handler.
type served struct {
	mu    sync.Mutex
	paths []string
}

func (s *served) add(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paths = append(s.paths, r.URL.Path)
}

func (s *served) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprint(s.paths)
}

// A lastAct is what a handler does last, while another goroutine reads the
// request body.
type lastAct struct {
	name   string
	thread bool // it does not wait for the request's threads
	end    func(ctx context.Context)
}

var lastActs = []lastAct{
	{"return", false, func(context.Context) {}},
	{"Exit(403)", true, func(ctx context.Context) { exitcode.Exit(ctx, 403) }},
	{"Exit(200)", true, func(ctx context.Context) { exitcode.Exit(ctx, 200) }},
	{"Exit(444)", true, func(ctx context.Context) { exitcode.Exit(ctx, 444) }},
	{"Throw(403)", true, func(ctx context.Context) { exitcode.Throw(ctx, 403) }},
	{"panic", false, func(context.Context) { panic(http.ErrAbortHandler) }},
	{"Send", true, func(ctx context.Context) { eof.Send(ctx) }},
	{"Send, and work", true, func(ctx context.Context) { eof.Send(ctx); time.Sleep(time.Minute) }},
}

// A goroutine of the handler's, or a thread, is in a read of the body when the
// response ends. net/http would give the rest of the body to the next request.
func TestE19_ReadUnderWay(t *testing.T) {
	for _, m := range leaseMounts {
		for _, e := range lastActs {
			for _, kind := range []string{"goroutine", "thread"} {
				if kind == "thread" && !e.thread || !m.sends && e.name[0] == 'S' {
					continue
				}
				for _, head := range []string{
					fmt.Sprintf("Content-Length: %d\r\n\r\nhello", 5+len(stray)),
					"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
				} {
					t.Run(fmt.Sprint(m.name, " ", e.name, " ", kind, " ", head[:8]), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { readUnderWay(t, m, e, kind, head) })
					})
				}
			}
		}
	}
}

// leaseMount is a way to put a Lifecycle around a handler.
type leaseMount struct {
	name            string
	sends, attached bool
	wrap            func(*middleware.Lifecycle, http.Handler) http.Handler
}

var leaseMounts = []leaseMount{
	{"Handler", false, false, (*middleware.Lifecycle).Handler},
	{"Handler, attached", false, true, (*middleware.Lifecycle).Handler},
	{"Detach", true, false, (*middleware.Lifecycle).Detach},
	{"Detach, attached", true, true, (*middleware.Lifecycle).Detach},
	{"Detach in Handler", true, true, func(l *middleware.Lifecycle, h http.Handler) http.Handler {
		detached := l.Detach(h)
		return l.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { detached.ServeHTTP(w, r) }))
	}},
}

// start serves h inside a Lifecycle, which is drained at the end of the test.
func (m leaseMount) start(t *testing.T, h http.HandlerFunc) *pipenet.Server {
	t.Helper()
	life := middleware.New(middleware.Options{})
	t.Cleanup(func() { life.Shutdown(context.Background()) }) // no goroutine may outlive the bubble
	return pipenet.Start(t, pipenet.HTTP1, m.wrap(life, h), func(srv *http.Server) {
		if m.attached {
			life.Attach(srv)
		}
	})
}

func readUnderWay(t *testing.T, m leaseMount, e lastAct, kind, head string) {
	var asked served
	s := m.start(t, func(w http.ResponseWriter, r *http.Request) {
		asked.add(r)
		if r.URL.Path != "/" {
			return
		}
		rc := http.NewResponseController(w)
		rc.EnableFullDuplex()
		io.ReadFull(r.Body, make([]byte, 5))
		io.WriteString(w, "begun")
		rc.Flush()
		if kind == "thread" {
			thread.Spawn(r.Context(), func(context.Context) error {
				_, err := io.ReadAll(r.Body)
				return err
			})
		} else {
			go io.ReadAll(r.Body)
		}
		time.Sleep(time.Millisecond) // the read has begun
		e.end(r.Context())
	})
	c := s.Dial()
	start := time.Now()
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: example.com\r\n"+head)
	c.SetReadDeadline(start.Add(time.Hour))
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("response = %v, want one", err)
	}
	io.ReadAll(res.Body)
	if d := time.Since(start); d > time.Second {
		t.Errorf("the response ends after %v, want at once", d)
	}
	io.WriteString(c, stray+stray)
	time.Sleep(time.Second)
	io.WriteString(c, stray)
	synctest.Wait()
	if got := asked.String(); got != "[/]" {
		t.Errorf("requests served: %s, want [/]", got)
	}
}

// Everything that was declared is written and sent, so no write of net/http's can
// fail any more. Of the two clients one leaves its body unsent.
func TestE19_CutAfterTheLastByte(t *testing.T) {
	for _, m := range leaseMounts {
		for _, code := range []exitcode.Code{444, 499, -1} {
			t.Run(fmt.Sprint(m.name, " ", int(code)), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var asked served
					s := m.start(t, func(w http.ResponseWriter, r *http.Request) {
						asked.add(r)
						rc := http.NewResponseController(w)
						rc.EnableFullDuplex()
						w.Header().Set("Content-Length", "5")
						io.WriteString(w, "begun")
						rc.Flush()
						exitcode.Exit(r.Context(), code)
					})
					for _, first := range []string{
						fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", len(stray)),
						"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
					} {
						c := s.Dial()
						io.WriteString(c, first)
						synctest.Wait()
						io.WriteString(c, stray+stray)
						time.Sleep(time.Second)
					}
					if got := asked.String(); got != "[/ /]" {
						t.Errorf("requests served: %s, want [/ /]", got)
					}
				})
			})
		}
	}
}
