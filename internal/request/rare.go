package request

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/node"
	"github.com/lastbyte-go/lastbyte/internal/scope"
)

// rare is made when the first of its fields is needed; mu guards the pointer
// and the fields.
type rare struct {
	idle     sync.Cond       // goroutines dropped to 0, or the last call left a gate
	on       context.Context // for the callback; nil: the context of the request
	page     *pageSetting
	filters  []filter
	deferred []func()
	shields  map[*node.Node]struct{} // see shield.go
	exit     *Exit
	abort    error               // *abort.Error
	conn     net.Conn            // hijacked
	readBy   time.Time           // a deadline of the handler's
	writeBy  time.Time           // likewise
	panicked bool                // or left by runtime.Goexit
	broken   bool                // by a panic with http.ErrAbortHandler
	throws   [scope.Kinds]throws // by kind

	stood http.Header // what described a body before the handler could set it, see noteEntry
	top   *Writer     // of the innermost layer at work; nil: Detach's, or the request's own
	last  *Writer     // the one at which the handler's calls end, after an exit or abort; then the one that answered
	open  bool        // likewise: none does, since something inside it still holds part of the response

	cut     sync.Once // guards itself and severed
	severed bool      // the cut worked

	local    net.Addr // after a hijack, what the context gives for http.LocalAddrContextKey: see nearest
	byHandle bool     // the cut was made on the connection, past a writer that hides net/http's
}

func (r *Request) rareLocked() *rare {
	if r.rare == nil {
		r.rare = new(rare)
		r.rare.idle.L = &r.mu
	}
	return r.rare
}

// Idle gives the condition that is broadcast when the last goroutine of the request
// has ended, or the last call has left a gate. Its lock is mu.
func (r *Request) Idle() *sync.Cond {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &r.rareLocked().idle
}
