package abort_test

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
)

// A handler that asks its context in a loop whether it has ended, and never for Done, learns
// of a client that leaves with the request body unread.
func TestA4_HandlerAsksForErr(t *testing.T) {
	t.Parallel()
	asksInALoop(t, context.Context.Err)
}

// context.Cause is a way to ask, too.
func TestA4_HandlerAsksForTheCause(t *testing.T) {
	t.Parallel()
	asksInALoop(t, context.Cause)
}

func asksInALoop(t *testing.T, ask func(context.Context) error) {
	background := eof.New(eof.Options{})
	for name, in := range map[string]func(http.Handler) http.Handler{
		"Check":  abort.Check,
		"Detach": func(h http.Handler) http.Handler { return abort.Check(background.Detach(h)) },
	} {
		began, ended := make(chan struct{}), make(chan bool)
		srv := httptest.NewUnstartedServer(in(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(began)
			for late := time.Now().Add(5 * time.Second); ask(r.Context()) == nil && time.Now().Before(late); {
				runtime.Gosched()
			}
			ended <- ask(r.Context()) != nil
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
		if !<-ended {
			t.Errorf("%s: the context has not ended, though the client has left", name)
		}
	}
	if err := background.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
