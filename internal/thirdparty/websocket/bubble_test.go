package thirdparty_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
)

// WebSockets live in the bubbles of aborttest, and their clients leave for the reasons
// that they have on sockets.
func TestA18_Hijacked(t *testing.T) {
	t.Parallel()
	reasons := map[aborttest.Way]string{aborttest.Close: "closed", aborttest.Reset: "reset", aborttest.HalfClose: "closed"}
	for _, l := range libraries {
		for _, detach := range []bool{false, true} {
			for way, reason := range reasons {
				t.Run(l.name+" "+string(way)+map[bool]string{false: " Handler", true: " Detach"}[detach], func(t *testing.T) {
					t.Parallel()
					leaveInBubble(t, l, detach, way, reason)
				})
			}
		}
	}
}

func leaveInBubble(t *testing.T, l library, detach bool, way aborttest.Way, reason string) {
	ends := make(chan error, 1)
	echo := func(w http.ResponseWriter, r *http.Request) {
		s, err := l.accept(w, r)
		if err != nil {
			t.Error(err)
			return
		}
		defer s.drop()
		for {
			text, err := s.read(r.Context())
			if err == nil {
				err = s.write(r.Context(), text)
			}
			if err != nil {
				ends <- abort.Wrap(r.Context(), err)
				return
			}
		}
	}
	o := aborttest.Options{Protocols: []aborttest.Protocol{aborttest.HTTP1}, Detach: detach}
	aborttest.RunWith(t, o, http.HandlerFunc(echo), func(t *testing.T, c *aborttest.Client) {
		conn := c.Dial()
		s, err := l.dial(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.write(t.Context(), "hello"); err != nil {
			t.Fatal(err)
		}
		if text, err := s.read(t.Context()); text != "hello" || err != nil {
			t.Fatalf("read = %q, %v, want hello", text, err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		conn.Leave(way)
		if o := c.Calls()[0].Done(); o.Abort == nil || string(o.Abort.Reason) != reason || o.Status != 101 {
			t.Errorf("Outcome = %+v, want a 101 and an abort, %s", o, reason)
		}
		if err := <-ends; !errors.Is(err, abort.ErrClientAborted) {
			t.Errorf("Wrap = %v, want %v", err, abort.ErrClientAborted)
		}
		s.drop()
	})
}

// A library may dial by the client of the kit: the Call of coder's Dial leaves with its
// WebSocket, and so does the connection that gorilla has dialed.
func TestA18_DialedByTheLibrary(t *testing.T) {
	t.Parallel()
	waits := func(w http.ResponseWriter, r *http.Request) {
		s, err := coderAccept(w, r)
		if err != nil {
			t.Error(err)
			return
		}
		defer s.drop()
		_, err = s.read(r.Context())
		if err = abort.Wrap(r.Context(), err); !errors.Is(err, abort.ErrClientAborted) {
			t.Errorf("Wrap = %v, want %v", err, abort.ErrClientAborted)
		}
	}
	o := aborttest.Options{Protocols: []aborttest.Protocol{aborttest.HTTP1}}
	for way, reason := range map[aborttest.Way]string{aborttest.Close: "closed", aborttest.Reset: "reset"} {
		aborttest.RunWith(t, o, http.HandlerFunc(waits), func(t *testing.T, c *aborttest.Client) {
			one, _, err := coder.Dial(t.Context(), c.URL()+"/coder", &coder.DialOptions{HTTPClient: c.HTTP()})
			if err != nil {
				t.Fatal(err)
			}
			defer one.CloseNow()
			d := gorilla.Dialer{NetDialContext: c.DialContext}
			other, _, err := d.DialContext(t.Context(), "ws://example.com/gorilla", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			time.Sleep(time.Minute)
			calls := c.Calls()
			calls[0].Leave(way)
			if err := other.NetConn().(*aborttest.Conn).Leave(way); err != nil {
				t.Errorf("Leave(%s) = %v, want nil", way, err)
			}
			for _, call := range calls {
				if o := call.Done(); o.Abort == nil || string(o.Abort.Reason) != reason || o.Abort.After != time.Minute {
					t.Errorf("%s: Outcome = %+v, want an abort after 1m, %s", call, o, reason)
				}
			}
		})
	}
}
