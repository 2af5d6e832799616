package aborttest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
)

// The word of a connection of memory blames no client for what the server does. On
// HTTP/2 two rows are left out: where the server cannot write a frame, net/http's write
// deadline ends nothing, and its Close says to the writer what a client's end says.
func TestStays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		do      func(c *aborttest.Client, call *aborttest.Call)
	}{
		"Server.Close": {waits, func(c *aborttest.Client, _ *aborttest.Call) { c.Server().Close() }},
		"Server.Close while a Write is stuck": {writes, func(c *aborttest.Client, call *aborttest.Call) {
			call.Header()
			call.Leave(aborttest.StopReading)
			time.Sleep(time.Second)
			c.Server().Close()
		}},
		"a read deadline": {func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second))
			time.Sleep(3 * time.Second)
		}, func(*aborttest.Client, *aborttest.Call) {}},
		"a write deadline while a Write is stuck": {func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Second))
			writes(w, r)
		}, func(_ *aborttest.Client, call *aborttest.Call) { call.Header(); call.Leave(aborttest.StopReading) }},
		"a context of the handler's": {func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), time.Second)
			defer cancel()
			<-ctx.Done()
		}, func(*aborttest.Client, *aborttest.Call) {}},
		"http.ErrAbortHandler": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, func(*aborttest.Client, *aborttest.Call) {}},
		"the response was complete": {func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "all") },
			func(_ *aborttest.Client, call *aborttest.Call) { call.Response(); call.Leave(aborttest.Close) }},
	} {
		for _, o := range []aborttest.Options{{}, {TLS: true}, {Detach: true}} {
			t.Run(name+map[bool]string{true: " over TLS"}[o.TLS]+map[bool]string{true: " under Detach"}[o.Detach], func(t *testing.T) {
				t.Parallel()
				if strings.HasSuffix(name, "stuck") {
					o.Protocols = []aborttest.Protocol{aborttest.HTTP1}
				}
				aborttest.RunWith(t, o, c.handler, func(t *testing.T, cl *aborttest.Client) {
					call := cl.Get("/")
					call.Arrived()
					synctest.Wait()
					c.do(cl, call)
					if o := call.Outcome(); o.Abort != nil {
						t.Errorf("Outcome = %+v, want no abort", o)
					}
				})
			})
		}
	}
}

// A half-closed client that is to be taken for one that stays is one, and gets its
// response; its reset is seen.
func TestStays_IgnoreHalfClose(t *testing.T) {
	t.Parallel()
	check := abort.New(abort.Options{IgnoreHalfClose: true})
	h := check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(time.Minute):
			io.WriteString(w, "all")
		case <-r.Context().Done():
		}
	}))
	o := aborttest.Options{Protocols: []aborttest.Protocol{aborttest.HTTP1}}
	aborttest.RunWith(t, o, h, func(t *testing.T, c *aborttest.Client) {
		stays, leaves := c.Get("/stays"), c.Get("/leaves")
		time.Sleep(time.Second)
		stays.Leave(aborttest.HalfClose)
		leaves.Leave(aborttest.HalfClose)
		time.Sleep(time.Second)
		leaves.Leave(aborttest.Reset)
		if r := stays.Response(); r.Body != "all" || r.Err != nil {
			t.Errorf("Response = %+v, want all of it", r)
		}
		if o := stays.Outcome(); o.Abort != nil {
			t.Errorf("Outcome = %+v, want no abort", o)
		}
		if o := leaves.Outcome(); o.Abort == nil || o.Abort.Reason != "reset" || o.Abort.After != 2*time.Second {
			t.Errorf("Outcome = %+v, want a reset after 2s", o)
		}
	})
}
