package thirdparty_test

import (
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/thread"
)

type handle = func(w http.ResponseWriter, r *http.Request)

// ending is a way for a request to end.
type ending struct {
	name string
	do   handle

	// same does without lastbyte what do comes to: what a client and outer
	// middlewares see is compared with it. nil: the connection is dropped.
	same   handle
	status int // the recorded one; 0: that of same

	panics bool // what outer handlers make of that is not lastbyte's to know
	thread bool // a thread ends it
	late   bool // it comes after bytes: a middleware inside lastbyte may still hold them
	cut    bool // after a Flush: the response is cut
	sends  bool // under Detach alone
}

var (
	small = "hello"
	mid   = strings.Repeat("hello, world\n", 240) // more than compressors want, less than net/http buffers
	large = strings.Repeat("hello, world\n", 6000)
)

func writes(s string) handle {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
}

func flush(w http.ResponseWriter, _ *http.Request) { _ = http.NewResponseController(w).Flush() }

func exits(code exitcode.Code) handle {
	return func(_ http.ResponseWriter, r *http.Request) { _ = exitcode.Exit(r.Context(), code) }
}

func throws(code exitcode.Code) handle {
	return func(_ http.ResponseWriter, r *http.Request) { exitcode.Throw(r.Context(), code) }
}

func page(code exitcode.Code) handle {
	return func(w http.ResponseWriter, r *http.Request) { exitcode.PlainText(w, r, code) }
}

func panics(v any) handle { return func(http.ResponseWriter, *http.Request) { panic(v) } }

func status(code int) handle {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// then does all of it, one after the other.
func then(all ...handle) handle {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, h := range all {
			h(w, r)
		}
	}
}

// fromThread exits from a goroutine of the request's.
func fromThread(code exitcode.Code) handle {
	return func(_ http.ResponseWriter, r *http.Request) {
		_, _ = thread.Spawn(r.Context(), func(ctx context.Context) error { return exitcode.Exit(ctx, code) })
		<-r.Context().Done()
	}
}

func send(_ http.ResponseWriter, r *http.Request) { _ = eof.Send(r.Context()) }

func nothing(http.ResponseWriter, *http.Request) {}

var endings = []ending{
	{name: "return", do: nothing, same: nothing},
	{name: "write", do: writes(mid), same: writes(mid)},
	{name: "write little", do: writes(small), same: writes(small)},
	{name: "write much", do: writes(large), same: writes(large)},
	{name: "status, write", do: then(status(404), writes(mid)), same: then(status(404), writes(mid))},
	{name: "write, flush", do: then(writes(mid), flush), same: then(writes(mid), flush)},
	{name: "flush, write", do: then(flush, writes(mid)), same: then(flush, writes(mid))},
	{name: "write, flush, write", do: then(writes(small), flush, writes(mid)), same: then(writes(small), flush, writes(mid))},

	{name: "exit 200", do: exits(200), same: status(200)},
	{name: "exit 204", do: exits(204), same: status(204)},
	{name: "exit 304", do: exits(304), same: status(304)},
	{name: "exit 403", do: exits(403), same: page(403)},
	{name: "exit 503", do: exits(503), same: page(503)},
	{name: "exit 503, write", do: then(exits(503), writes(mid)), same: page(503)},
	{name: "a thread exits 503", do: fromThread(503), same: page(503), thread: true},
	{name: "throw 403", do: throws(403), same: page(403)},
	{name: "throw 200", do: throws(200), same: status(200)},

	{name: "write, exit 200", do: then(writes(mid), exits(200)), same: writes(mid), late: true},
	{name: "write little, exit 200", do: then(writes(small), exits(200)), same: writes(small), late: true},
	{name: "write much, exit 200", do: then(writes(large), exits(200)), same: writes(large), late: true},
	{name: "status, exit 200", do: then(status(404), exits(200)), same: status(404), late: true},
	{name: "write, exit 403", do: then(writes(mid), exits(403)), same: writes(mid), late: true},
	{name: "write much, exit 503", do: then(writes(large), exits(503)), same: writes(large), late: true},
	{name: "write, flush, exit 200", do: then(writes(mid), flush, exits(200)), same: then(writes(mid), flush), late: true},
	{name: "write, flush, exit 503", do: then(writes(mid), flush, exits(503)), same: then(writes(mid), flush), late: true},
	{name: "write, throw 403", do: then(writes(mid), throws(403)), same: writes(mid), late: true},

	{name: "exit 444", do: exits(444), status: 444},
	{name: "exit 499", do: exits(499), status: 499},
	{name: "exit 408", do: exits(408), status: 408},
	{name: "throw 444", do: throws(444), status: 444},
	{name: "a thread exits 444", do: fromThread(444), status: 444, thread: true},
	{name: "write little, exit 444", do: then(writes(small), exits(444)), late: true},
	{name: "write, flush, exit 444", do: then(writes(mid), flush, exits(444)), late: true, cut: true},
	{name: "write much, flush, exit 499", do: then(writes(large), flush, exits(499)), late: true, cut: true},
	{name: "write, flush, throw 444", do: then(writes(mid), flush, throws(444)), late: true, cut: true},

	{name: "panic", do: panics("on purpose"), same: panics("on purpose"), panics: true},
	{name: "write, flush, panic", do: then(writes(mid), flush, panics("on purpose")), same: then(writes(mid), flush, panics("on purpose")), panics: true},
	{name: "ErrAbortHandler", do: panics(http.ErrAbortHandler), same: panics(http.ErrAbortHandler), panics: true},
	{name: "write, flush, ErrAbortHandler", do: then(writes(mid), flush, panics(http.ErrAbortHandler)), same: then(writes(mid), flush, panics(http.ErrAbortHandler)), panics: true},

	{name: "send", do: send, same: nothing, sends: true},
	{name: "write, send", do: then(writes(mid), send), same: writes(mid), sends: true},
	{name: "write little, send", do: then(writes(small), send), same: writes(small), sends: true},
	{name: "write much, send", do: then(writes(large), send), same: writes(large), sends: true},
	{name: "write, flush, send", do: then(writes(mid), flush, send), same: then(writes(mid), flush), sends: true},
	{name: "status, send", do: then(status(404), send), same: status(404), sends: true},
}
