// Package lastbyte controls how an HTTP request ends: when the client leaves early, when
// the handler decides to end it, and when the response is complete but the work is not.
//
// In net/http a request ends when ServeHTTP returns. A handler that needs
// another ending, or must be told of one, has to combine contexts, panics,
// hijacked connections and its own goroutines. lastbyte offers three packages
// instead, for plain net/http and its routers, over HTTP/1 and HTTP/2:
//
//   - [github.com/lastbyte-go/lastbyte/abort]: the client left. abort.On registers a
//     callback for that, and abort.Cause reports whether, why and when.
//   - [github.com/lastbyte-go/lastbyte/exitcode]: the handler decides.
//     exitcode.Exit ends the request with a code: a status with its page, or a
//     connection that is dropped without a byte.
//   - [github.com/lastbyte-go/lastbyte/eof]: the response is complete. eof.Send
//     ends it now, so that the client has the whole response, and the handler
//     keeps running. eof.Defer starts work after the response.
//
// Package [github.com/lastbyte-go/lastbyte/thread] adds goroutines that belong
// to a request. Package [github.com/lastbyte-go/lastbyte/middleware] combines
// all of them in one r.Use, with one outcome and one log line per request:
//
//	life := middleware.New(middleware.Options{Logger: log})
//
//	r := chi.NewRouter()
//	r.Use(life.Handler)
//	r.With(life.Detach).Post("/tasks", func(w http.ResponseWriter, r *http.Request) {
//		fmt.Fprintln(w, "got the task!")
//		if err := eof.Send(r.Context()); err != nil {
//			return // nobody has the response
//		}
//		index(r.Context()) // a shutdown waits for this
//	})
//
//	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
//	context.AfterFunc(ctx, stop) // a second signal ends the process at once
//	err := life.ListenAndServe(ctx, &http.Server{Addr: ":8080", Handler: r})
//
// # How they work together
//
// A request has one ending. The first of abort, exit, Send and return decides it. Later
// ones are recorded and do not change the response, and the error of the call says what
// decided before. An abort cancels the request's context, or runs the callback that is
// registered, which decides instead. After Send a client that leaves is no abort.
// docs/lifecycle.md describes all states and transitions.
//
// The functions of lastbyte take the request's context and may be called anywhere inside a
// lastbyte middleware. Outside they do nothing, and those that return an error return
// ErrNoRequest.
//
// # Limits
//
// gin and echo take the context object of a request back when a middleware around its
// handler returns, as Detach does before the handler: with these, Detach must be around
// the whole engine, see eof.Background.Detach.
//
// Without ConnContext, which middleware.Lifecycle.Serve and Attach install, an abort is
// noticed only when net/http notices it: not while the request body is unread, while bytes
// of a next request wait, or after the connection was hijacked.
//
// This package has no API. docs/README.md leads to guides with whole programs.
package lastbyte
