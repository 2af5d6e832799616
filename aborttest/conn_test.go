package aborttest_test

import (
	"bufio"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/aborttest"
)

// A client that speaks by hand over a connection of DialContext, as that of a library does,
// and leaves.
func TestConn_ByHand(t *testing.T) {
	aborttest.Run(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}), func(t *testing.T, c *aborttest.Client) {
		if c.Protocol() != aborttest.HTTP1 {
			return // HTTP/2 is nothing to speak by hand
		}
		d, err := c.DialContext(t.Context(), "tcp", "example.com:80")
		if err != nil {
			t.Fatal(err)
		}
		conn, ok := d.(*aborttest.Conn)
		if !ok {
			t.Fatalf("DialContext gives a %T, want a *aborttest.Conn", d)
		}
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
		in := bufio.NewReader(conn)
		if line, err := in.ReadString('\n'); line != "HTTP/1.1 202 Accepted\r\n" || err != nil {
			t.Errorf("ReadString = %q, %v, want 202", line, err)
		}
		if err := conn.Leave(aborttest.Reset); err != nil {
			t.Errorf("Leave = %v, want nil", err)
		}
		for err == nil { // what has arrived before that
			_, err = conn.Read(make([]byte, 100))
		}
		synctest.Wait()
		if o := c.Calls()[0].Outcome(); o.Abort == nil || o.Abort.Reason != "reset" {
			t.Errorf("Outcome = %+v, want an abort by a reset", o)
		}
	})
}
