package peer

import (
	"net"
	"reflect"
)

// maxWrappers bounds the search through connections that wrap each other, in
// case one names itself.
const maxWrappers = 16

// As gives the outermost layer of nc that has the methods of T: nc itself, or a
// connection that it wraps.
func As[T any](nc net.Conn) (t T, ok bool) {
	for range maxWrappers {
		if t, ok = nc.(T); ok {
			return t, true
		}
		if nc = Below(nc); nc == nil {
			break
		}
	}
	return t, false
}

// Innermost gives the connection that nc and what it wraps stand in front of.
func Innermost(nc net.Conn) net.Conn {
	for range maxWrappers {
		in := Below(nc)
		if in == nil {
			break
		}
		nc = in
	}
	return nc
}

// Key gives what nc can be known by in a map and in comparisons: nc, or the first
// connection below it whose value is comparable, since a net.Conn need not be. It
// is nil if there is none.
func Key(nc net.Conn) any {
	for range maxWrappers {
		if nc == nil || reflect.ValueOf(nc).Comparable() {
			break
		}
		nc = Below(nc)
	}
	if nc == nil || !reflect.ValueOf(nc).Comparable() {
		return nil
	}
	return nc
}

// Below gives the connection that nc wraps, nil if that cannot be found out:
// *tls.Conn and its like have NetConn, go-proxyproto's has Raw, and those of
// netutil.LimitListener, cmux and most servers embed it. Methods of wrappers are
// foreign code: one that panics names nothing.
func Below(nc net.Conn) (in net.Conn) {
	defer func() {
		if recover() != nil {
			in = nil
		}
	}()
	switch w := nc.(type) {
	case *net.TCPConn, *net.UnixConn, nil:
		return nil
	case interface{ NetConn() net.Conn }:
		in = w.NetConn()
	case interface{ Raw() net.Conn }:
		in = w.Raw()
	}
	if in != nil {
		return in
	}
	return embedded(reflect.ValueOf(nc))
}

// embedded gives the connection that is embedded in the struct v, or in the one
// that v points to.
func embedded(v reflect.Value) net.Conn {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return nil
	}
	for i := range v.NumField() {
		if f := v.Type().Field(i); !f.Anonymous || !f.IsExported() {
			continue
		}
		f := v.Field(i)
		if nc, ok := f.Interface().(net.Conn); ok && nc != nil {
			return nc
		}
		if f.CanAddr() {
			if nc, ok := f.Addr().Interface().(net.Conn); ok {
				return nc
			}
		}
	}
	return nil
}
