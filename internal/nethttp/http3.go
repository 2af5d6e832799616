package nethttp

import (
	"errors"
	"net"
	"reflect"
)

// RemoteClosed reports whether cause, that of a request's context, says that the
// client ended its connection, as the HTTP/3 server of quic-go does: an error that
// Is net.ErrClosed with a field Remote that is true (ApplicationError and
// TransportError of github.com/quic-go/quic-go v0.59), or one that is a timeout,
// which is a client that says nothing any more (IdleTimeoutError). net/http's own
// servers have no such causes.
func RemoteClosed(cause error) bool {
	for ; cause != nil; cause = errors.Unwrap(cause) {
		if !errors.Is(cause, net.ErrClosed) {
			return false
		}
		if t, ok := cause.(interface{ Timeout() bool }); ok && t.Timeout() {
			return true
		}
		v := reflect.ValueOf(cause)
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if v.Kind() == reflect.Struct {
			if f := v.FieldByName("Remote"); f.Kind() == reflect.Bool {
				return f.Bool()
			}
		}
	}
	return false
}
