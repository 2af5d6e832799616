package comparison

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// A mode is a way to put lastbyte around a handler.
type mode struct {
	name   string
	wrap   func(p parts, h http.Handler) http.Handler
	attach bool // Lifecycle.Attach
	detach bool // the handler is on a goroutine of its own
}

// parts are what the middlewares of a run are made of.
type parts struct {
	life       *middleware.Lifecycle
	background *eof.Background
}

func newParts(log *journal) parts {
	o := eof.Options{OnPanic: func(v any, _ []byte) { log.say("a panic without a client: %v", v) }}
	return parts{middleware.New(middleware.Options{Background: o}), eof.New(o)}
}

// shutdown fails if any work is left.
func (p parts) shutdown(ctx context.Context) error {
	return errors.Join(p.life.Shutdown(ctx), p.background.Shutdown(ctx))
}

var bare = mode{name: "bare", wrap: func(_ parts, h http.Handler) http.Handler { return h }}

var modes = []mode{
	{name: "Check", wrap: func(_ parts, h http.Handler) http.Handler { return abort.Check(h) }},
	{name: "Handler", wrap: handled},
	{name: "Handler attached", wrap: handled, attach: true},
	{name: "Detach", wrap: detached, detach: true},
	{name: "Detach attached", wrap: detached, attach: true, detach: true},
	{name: "Detach alone", wrap: func(p parts, h http.Handler) http.Handler {
		return p.background.Detach(h)
	}, detach: true},
	{name: "layers", wrap: func(p parts, h http.Handler) http.Handler { return layers(p.life.Handler, h) }},
	{name: "layers with Detach", wrap: func(p parts, h http.Handler) http.Handler {
		return layers(p.life.Handler, layers(p.life.Detach, h))
	}, attach: true, detach: true},
}

func handled(p parts, h http.Handler) http.Handler  { return p.life.Handler(h) }
func detached(p parts, h http.Handler) http.Handler { return p.life.Handler(p.life.Detach(h)) }

// layers is what a chain of middlewares may have around a handler, each of which
// lets everything pass.
func layers(outer func(http.Handler) http.Handler, h http.Handler) http.Handler {
	h = exitcode.HeaderFilter(func(*http.Request, int, http.Header) exitcode.Code { return exitcode.OK })(h)
	h = exitcode.Phase(func(http.ResponseWriter, *http.Request) exitcode.Code { return exitcode.OK })(h)
	return outer(abort.New(abort.Options{CallbackTimeout: time.Hour})(exitcode.New(exitcode.Options{})(h)))
}

// outside stands around lastbyte, and says what it sees of the handler.
func outside(h http.Handler, log *journal) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		returned := false
		defer func() {
			if returned {
				return
			}
			v := recover()
			log.say("outside: panic %v", v)
			if v != nil {
				panic(v)
			}
		}()
		h.ServeHTTP(w, r)
		returned = true
		log.say("outside: returned, form %s", short(fmt.Append(nil, r.Form)))
	})
}
