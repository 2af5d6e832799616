package aborttest_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
)

func TestServer(t *testing.T) {
	t.Parallel()
	for _, o := range []aborttest.Options{
		{Protocols: []aborttest.Protocol{aborttest.HTTP1}}, {Protocols: []aborttest.Protocol{aborttest.HTTP2}},
		{Protocols: []aborttest.Protocol{aborttest.HTTP1}, TLS: true}, {Protocols: []aborttest.Protocol{aborttest.HTTP2}, TLS: true},
	} {
		for _, way := range []aborttest.Way{aborttest.Close, aborttest.Reset, aborttest.HalfClose, aborttest.Timeout} {
			t.Run(fmt.Sprintf("%s TLS %t %s", o.Protocols[0], o.TLS, way), func(t *testing.T) {
				t.Parallel()
				c := aborttest.ServerWith(t, o, http.HandlerFunc(waits))
				call := c.Post("/", "text/plain", aborttest.Stall(100))
				call.Arrived()
				call.Leave(way)
				if o := call.Done(); !errors.Is(o.Abort, abort.ErrClientAborted) || o.Abort.Reason == "unverified" {
					t.Errorf("Outcome = %+v, want an abort with its reason", o)
				}
			})
		}
	}
}
