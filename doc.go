// Package lastbyte says what happens at the end of an HTTP request: when the
// client leaves early, when the handler decides, and when the response is
// complete but the work is not.
//
// net/http has one ending, the return of ServeHTTP. A handler that wants
// another, or wants to know of one, has to combine contexts, panics, hijacked
// connections and goroutines of its own. Here are three verbs instead, for
// plain net/http and its routers, over HTTP/1 and HTTP/2:
//
//   - [github.com/lastbyte-go/lastbyte/abort]: the client left. abort.On
//     registers a callback for it, abort.Cause tells whether, why and when.
//   - [github.com/lastbyte-go/lastbyte/exitcode]: the handler decides.
//     exitcode.Exit ends the request with a code: a status and its page, or a
//     connection that is dropped without a byte.
//   - [github.com/lastbyte-go/lastbyte/eof]: the response is complete. eof.Send
//     ends it now, the client has all of it, and the handler runs on; eof.Defer
//     leaves work for afterwards.
//
// Package [github.com/lastbyte-go/lastbyte/thread] adds goroutines that belong
// to a request, and package [github.com/lastbyte-go/lastbyte/middleware] puts
// all of it into one r.Use, with one outcome and one log line per request:
//
//	life := middleware.New(middleware.Options{Logger: log})
//
//	r := chi.NewRouter()
//	r.Use(life.Handler)
//	r.With(life.Detach).Post("/tasks", func(w http.ResponseWriter, r *http.Request) {
//		fmt.Fprintln(w, "got the task!")
//		eof.Send(r.Context())
//		index(r.Context())
//	})
//
//	srv := &http.Server{Addr: ":8080", Handler: r}
//	life.Attach(srv)
//
// # How they compose
//
// A request has one ending. The first of abort, exit, Send and return decides
// it, the later ones are recorded and change nothing. What a later call is told
// is in its error: a Send after the client left fails with
// abort.ErrClientAborted, an Exit after Send cancels the work that is left and
// nothing else. docs/lifecycle.md draws the states and lists every move.
//
// An abort cancels the request's context. With a callback registered, the
// callback decides instead: it can end the request with exitcode.Exit, or let
// the handler finish what it began. After Send a client that leaves is no abort.
//
// Every verb takes the request's context and may be called anywhere below the
// middleware. Above it nothing happens, and the result says so: ErrNoRequest.
//
// # Limits
//
// A framework that has a context object of its own and uses it again, as gin and
// echo do, takes it back when a middleware around its handler returns. Detach
// returns before the handler does, so there it goes around the whole engine, see
// eof.Background.Detach.
//
// This package has no API of its own. Without ConnContext, which
// middleware.Lifecycle.Attach sets, an abort is seen as late as net/http sees
// it: not while the request body is unread, bytes of a next request wait or the
// connection is hijacked.
package lastbyte
