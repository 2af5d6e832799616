package request

import (
	"fmt"
	"net/http"
	"reflect"
	"sync"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/scope"
)

// hiders has the types that warnHidden has named, a reflect.Type each. A process has
// few types of writers, and what is wrong with one of them needs to be said once.
var hiders sync.Map

// warnHidden logs that a ResponseWriter which another middleware has put around the
// outermost lastbyte middleware leads to no deadlines, once for each type in the
// process. A recorder, which keeps a response and has no writer below, hides none;
// and without a server there is nothing to hide.
func (r *Request) warnHidden() {
	if r.server() == nil || scope.KindOf(r.node.Parent()) == scope.Task || nethttp.HasReadDeadline(r.w.wrapped) {
		return
	}
	t := reflect.TypeOf(nethttp.Innermost(r.w.wrapped))
	if !holdsWriter(t, 3) {
		return
	}
	if _, said := hiders.LoadOrStore(t, true); said {
		return
	}
	r.Log(&r.node, fmt.Sprintf("lastbyte: a %v around the outermost lastbyte middleware hides deadlines: "+
		"a Write or a read of the request body that waits for the client cannot be interrupted, "+
		"and a response may have to be cut by a panic with http.ErrAbortHandler; "+
		"give that type an Unwrap method, or put its middleware inside", t))
}

var writerType = reflect.TypeFor[http.ResponseWriter]()

// holdsWriter reports whether t has a field for a ResponseWriter of any kind, as a
// wrapper has; depth bounds the search through the types of fields.
func holdsWriter(t reflect.Type, depth int) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || depth == 0 {
		return false
	}
	for i := range t.NumField() {
		f := t.Field(i).Type
		if f.Kind() == reflect.Interface && f.Implements(writerType) || holdsWriter(f, depth-1) {
			return true
		}
	}
	return false
}
