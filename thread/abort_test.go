package thread_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/thread"
)

// A thread that asks its context again and again whether it has ended learns of a client
// that has left, also with the request body unread, when nobody waits for Done.
func TestA4_ThreadAsksForErr(t *testing.T) {
	background := eof.New(eof.Options{})
	for name, in := range map[string]func(http.Handler) http.Handler{"Check": abort.Check, "Detach": func(h http.Handler) http.Handler {
		return abort.Check(background.Detach(h))
	}} {
		t.Run(name, func(t *testing.T) {
			began, got := make(chan struct{}), make(chan bool)
			srv := httptest.NewUnstartedServer(in(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, err := thread.Spawn(r.Context(), func(ctx context.Context) error {
					close(began)
					for late := time.Now().Add(5 * time.Second); ctx.Err() == nil && time.Now().Before(late); {
						runtime.Gosched()
					}
					got <- ctx.Err() != nil
					return nil
				})
				if err != nil {
					t.Errorf("Spawn: %v", err)
				}
			})))
			srv.Config.ConnContext = abort.ConnContext
			srv.Start()
			t.Cleanup(srv.Close)
			c, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: server\r\nContent-Length: 10\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			<-began
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			if !<-got {
				t.Error("the thread's context has not ended, though its client has left")
			}
		})
	}
	if err := background.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
