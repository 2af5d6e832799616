package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// visitor is a member's end.
type visitor struct{ *websocket.Conn }

func (v visitor) hears(t *testing.T, want string) {
	t.Helper()
	if _, text, err := v.Read(t.Context()); err != nil || string(text) != want {
		t.Errorf("Read() = %q, %v, want %q", text, err, want)
	}
}

// inChat runs body with ann and bob in a room. stop is SIGTERM, and returns when the
// server has ended.
func inChat(t *testing.T, body func(t *testing.T, c *aborttest.Client, ann, bob visitor, stop func() error)) {
	synctest.Test(t, func(t *testing.T) {
		life := middleware.New(middleware.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		c := aborttest.Start(t, aborttest.Options{Lifecycle: life, Serve: func(srv *http.Server, ln net.Listener) error {
			ended <- life.Serve(ctx, srv, ln)
			return nil
		}}, life.Handler(&chat{members: map[*websocket.Conn]bool{}}))
		visit := func(name string) visitor {
			v, _, err := websocket.Dial(t.Context(), c.URL()+"/?name="+name, &websocket.DialOptions{HTTPClient: c.HTTP()})
			if err != nil {
				t.Fatalf("Dial = %v, want a WebSocket", err)
			}
			t.Cleanup(func() { _ = v.CloseNow() })
			return visitor{v}
		}
		ann, bob := visit("ann"), visit("bob")
		synctest.Wait() // both are in the room
		body(t, c, ann, bob, func() error { cancel(); return <-ended })
	})
}

func TestChat_MemberIsLost(t *testing.T) {
	t.Parallel()
	inChat(t, func(t *testing.T, c *aborttest.Client, ann, bob visitor, _ func() error) {
		if err := ann.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
			t.Error(err)
		}
		bob.hears(t, "ann: hello")
		c.Calls()[0].Leave(aborttest.Reset)
		bob.hears(t, "ann was lost: reset")
		if o := c.Calls()[0].Outcome(); o.Status != 101 || o.Abort == nil || !o.Hijacked {
			t.Errorf("Outcome = %+v, want an abort after 101", o)
		}
	})
}

// A member that says goodbye has not aborted.
func TestChat_MemberLeaves(t *testing.T) {
	t.Parallel()
	inChat(t, func(t *testing.T, c *aborttest.Client, ann, bob visitor, _ func() error) {
		if err := ann.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
		bob.hears(t, "ann left")
		if o := c.Calls()[0].Outcome(); o.Status != 101 || o.Abort != nil {
			t.Errorf("Outcome = %+v, want 101 and no abort", o)
		}
	})
}

// Everybody is told of a shutdown, which then takes no time.
func TestChat_Shutdown(t *testing.T) {
	t.Parallel()
	inChat(t, func(t *testing.T, _ *aborttest.Client, ann, bob visitor, stop func() error) {
		met := make(chan string, 2)
		for _, v := range []visitor{ann, bob} {
			go func() {
				var err error
				for err == nil { // the other one may be seen leaving first
					_, _, err = v.Read(t.Context())
				}
				met <- fmt.Sprint(websocket.CloseStatus(err))
			}()
		}
		synctest.Wait()
		began := time.Now()
		if err := stop(); err != nil || time.Since(began) > time.Second {
			t.Errorf("Serve() = %v after %v, want nil at once", err, time.Since(began))
		}
		for range 2 {
			if status := <-met; status != "StatusGoingAway" {
				t.Errorf("a member's read has met %s, want StatusGoingAway", status)
			}
		}
	})
}
