package nethttp

import (
	"context"
	"errors"
	"net"
	"reflect"
)

// QUICEnd is what an error of quic-go says: who ended a connection or a stream.
// The errors were read at v0.59 and v0.65 of github.com/quic-go/quic-go.
type QUICEnd uint8

const (
	NotQUIC      QUICEnd = iota // the error is not one of quic-go's, or not about an end
	EndedHere                   // this process
	ResetByPeer                 // the client, one stream
	ClosedByPeer                // the client, the connection
	PeerLost                    // the client does not answer any more, or knows nothing of the connection
)

// ByPeer reports whether it was the client.
func (e QUICEnd) ByPeer() bool { return e >= ResetByPeer }

// OfQUIC tells who ended what err speaks of. quic-go is not imported: its errors
// are known by their fields and methods. ApplicationError, TransportError,
// StreamError and http3.Error have a field Remote beside an ErrorCode; all that
// speak of a connection are net.ErrClosed. IdleTimeoutError is a timeout, and
// StatelessResetError temporary; net.ErrClosed itself is neither.
func OfQUIC(err error) QUICEnd {
	closed := errors.Is(err, net.ErrClosed)
	for ; err != nil; err = errors.Unwrap(err) {
		if remote, ok := remoteField(err); ok {
			switch {
			case !remote:
				return EndedHere
			case closed:
				return ClosedByPeer
			}
			return ResetByPeer
		}
		if n, ok := err.(interface{ Timeout() bool }); ok && closed && n.Timeout() {
			return PeerLost
		}
		if n, ok := err.(interface{ Temporary() bool }); ok && closed && n.Temporary() {
			return PeerLost
		}
	}
	return NotQUIC
}

func remoteField(err error) (remote, ok bool) {
	v := reflect.ValueOf(err)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct || !v.FieldByName("ErrorCode").IsValid() {
		return false, false
	}
	f := v.FieldByName("Remote")
	if f.Kind() != reflect.Bool {
		return false, false
	}
	return f.Bool(), true
}

// maxContexts bounds the search through contexts.
const maxContexts = 256

// EndOfQUIC tells who ended the connection of an HTTP/3 request, whose context is
// ctx. The cause of ctx does not always say it: http3.Server cancels a request's
// context without a cause when the stream ends, which is a moment before the
// connection's own context ends with one (AfterFunc in handleRequestStream, and
// connection.run). So the contexts that ctx was derived from are asked. They are
// found by the field Context, which the types of package context embed, as most
// others do. NotQUIC: the connection is alive, or nobody knows.
func EndOfQUIC(ctx context.Context) QUICEnd {
	for range maxContexts {
		if ctx.Err() != nil {
			if end := OfQUIC(context.Cause(ctx)); end != NotQUIC {
				return end
			}
		}
		if ctx = parent(ctx); ctx == nil {
			break
		}
	}
	return NotQUIC
}

// parent gives the context that ctx embeds, nil if it embeds none.
func parent(ctx context.Context) context.Context {
	v := reflect.ValueOf(ctx)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return nil
	}
	f, ok := v.Type().FieldByName("Context")
	if !ok || f.Type.Kind() != reflect.Interface {
		return nil
	}
	in, err := v.FieldByIndexErr(f.Index) // it may be promoted from a nil pointer
	if err != nil || !in.CanInterface() {
		return nil
	}
	ctx, _ = in.Interface().(context.Context)
	return ctx
}
