package eof_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// The client has its answer and resets the connection. The server sees that,
// and the work does not.
func TestE9_OnSockets(t *testing.T) {
	life := middleware.New(middleware.Options{})
	gone, done := make(chan struct{}), make(chan error, 1)
	s := httptest.NewUnstartedServer(life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		abort.On(ctx, func(context.Context) { t.Error("the abort callback has run, want none after Send") })
		io.WriteString(w, answer)
		err := eof.Send(ctx)
		watched := ctx.Done()
		<-gone
		select {
		case <-watched:
			err = context.Cause(ctx)
		default:
		}
		if e, aborted := abort.Cause(ctx); aborted {
			err = e
		}
		done <- err
	})))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(gone)
		}
	}
	life.Attach(s.Config)
	s.Start()
	defer s.Close()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatalf("Dial = %v", err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	read(t, res, err).want(t, 200, answer)
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
	wantErr(t, "Send, and the end of ctx when the client is gone", <-done, nil)
	shutdown(t, life)
	if st := life.Stats(); st.Aborts != 0 || st.EOFs != 1 {
		t.Errorf("Stats() = %+v, want no abort and one EOF", st)
	}
}
