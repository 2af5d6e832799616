// Package aborttest tests what happens when a client leaves. It is to a request's end
// what net/http/httptest is to its response.
//
//	func TestReport_RollsBack(t *testing.T) {
//		aborttest.Run(t, report, func(t *testing.T, c *aborttest.Client) {
//			call := c.Get("/report")
//			time.Sleep(2 * time.Second) // of the bubble's time: it costs nothing
//			call.Leave(aborttest.Close)
//			if o := call.Outcome(); o.Abort == nil || db.Rollbacks() != 1 {
//				t.Errorf("Outcome = %+v with %d rollbacks, want an abort and 1", o, db.Rollbacks())
//			}
//		})
//	}
//
// [Run] serves a handler by a real http.Server, to a real http.Transport, on an
// in-memory network inside a [testing/synctest] bubble, on HTTP/1.1 and on HTTP/2. The
// clock is the bubble's, the race detector works, and an abort has the reason that it
// has on a socket.
//
// # Ways and moments
//
// A client leaves by [Call.Leave]: see [Way] for how. When it does is up to the test:
//
//	before a byte                  c.Dial().Close()
//	at once                        call := c.Get("/"); call.Leave(way)
//	at a time                      time.Sleep(2 * time.Second); call.Leave(way)
//	when everything is blocked     synctest.Wait(); call.Leave(way)
//	after n bytes of the request   call := c.Post("/", "text/plain", aborttest.Stall(n)); synctest.Wait(); call.Leave(way)
//	after the header               call.Header(); call.Leave(way)
//	after n bytes of the response  call.Body(n); call.Leave(way)
//	after the response             call.Response(); call.Leave(way)
//	behind a pipelined byte        call.Send("G"); call.Leave(way)
//
// # What came of it
//
// [Call.Outcome] waits for the end of the response at the server, [Call.Done] for the
// work that goes on after it, [Call.Response] for what the client has got. [Call.Log]
// has the lines of the log. Each of them fails the test when what it waits for does
// not come, and says what happened instead.
//
// # Without a bubble, without a server
//
// [Server] is the same over sockets, for what needs the kernel. A [Recorder] is an
// httptest.ResponseRecorder whose client can leave.
//
// docs/testing.md has recipes. docs/aborts.md says how another in-memory network tells lastbyte of the
// end of its connections.
//
// # Limits
//
// A Close in memory is a FIN also where bytes are unread; a socket would send an RST.
// A handler that spins without ever waiting stops the clock of its bubble. So does one
// that waits for a sync.Mutex, see the package doc of testing/synctest.
package aborttest
