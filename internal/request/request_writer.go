package request

import (
	"log"
	"net"
	"net/http"
	"path"
	"runtime"
	"strings"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

// The Request is the front of its own Writer, which sees what reaches net/http: it
// commits and records the response.

func (r *Request) request() *Request { return r }

// view gives the ResponseWriter for the handler.
func (r *Request) view() http.ResponseWriter {
	v := r.w.view()
	if r.w.speaks == nethttp.Unknown {
		r.warnHidden()
	}
	return v
}

func (r *Request) headerMap() http.Header {
	if !r.w.gate.Enter() {
		return make(http.Header)
	}
	defer r.leave()
	h := r.w.wrapped.Header()
	if !r.noted(headerTaken) {
		r.noteEntry(h)
	}
	return h
}

func (r *Request) beforeStatus(status int) bool {
	switch out := r.hasAny(lifecycle.Committed | lifecycle.Hijacked); {
	case !out && r.isInformational(status):
		return !r.w.gate.IsSealed() && r.refused() == nil
	case out:
		return r.refused() == nil && !r.superfluous()
	case r.hasAny(lifecycle.Answered) && r.recordMove():
		if r.uncuttable() {
			r.dropInWords(status)
			return false
		}
		if r.http1() {
			r.w.wrapped.Header().Set("Connection", "close") // see drop
		}
		return true
	case status < 100 || status > 999:
		return true // net/http panics; its words are as good as ours
	}
	return r.commit(status) == nil
}

func (r *Request) beforeWrite(n int) error {
	if r.w.gate.IsSealed() {
		return r.refusal()
	}
	if err := r.commit(http.StatusOK); err != nil {
		return err
	}
	switch {
	case n == flushing:
		if !r.noted(flushed) && !r.hasAny(lifecycle.Hijacked) {
			r.note(flushed)
		}
	case r.hasAny(lifecycle.Hijacked) && nethttp.IsOwn(r.w.wrapped):
		if n == 0 || r.misused("response.Write on hijacked connection") {
			return http.ErrHijacked
		}
	case r.w.speaks == nethttp.HTTP2 && !r.noted(flushed) && r.size.Load()+int64(n) > 2*nethttp.BufferSize:
		// It is more than an HTTP/2 server holds back: the header goes out ahead of it.
		// To HEAD that is all of the response, and the server ends the stream, so that
		// this write may fail already.
		r.note(flushed)
	}
	return nil
}

func (r *Request) afterWrite(n int64, err error) error {
	r.size.Add(n)
	if err != nil {
		return r.writeFailed(err)
	}
	return nil
}

func (r *Request) refused() error { return r.refusedAt(&r.w) }

func (r *Request) lost(int) {}

func (r *Request) begun() bool { return r.hasAny(lifecycle.Committed) }

// leave leaves the gate after a call whose error may have said more about the end
// of the outer context.
func (r *Request) leave() {
	r.w.gate.Leave(r)
	if r.noted(recheckAfterCall) {
		r.look()
	}
}

func (r *Request) noteDeadline(t time.Time, of func(*extra) *time.Time) { r.setDeadline(t, of) }

// hijackedMove: the connection is the handler's.
func (r *Request) hijackedMove(c net.Conn) {
	local, _ := r.node.Parent().Value(http.LocalAddrContextKey).(net.Addr)
	r.mu.Lock()
	x := r.extraLocked()
	x.conn, x.local = c, conn.UniqueAddr(local)
	r.liftLimitLocked()
	r.state.Store(r.state.Load().Hijack())
	r.mu.Unlock()
	r.trackHijacked()
}

// superfluous logs a WriteHeader that has no effect as net/http would, with the
// caller's frame: behind another writer net/http would name that one. It is for
// net/http's own HTTP/1 writer alone; other writers have their own ways.
func (r *Request) superfluous() bool {
	if r.hasAny(lifecycle.Hijacked) {
		return r.misused("response.WriteHeader on hijacked connection")
	}
	return r.misused("superfluous response.WriteHeader call")
}

func (r *Request) misused(what string) bool {
	srv := r.server()
	if srv == nil || !nethttp.IsOwn(r.w.wrapped) {
		return false
	}
	printf := log.Printf
	if srv.ErrorLog != nil {
		printf = srv.ErrorLog.Printf
	}
	f := caller()
	printf("http: %s from %s (%s:%d)", what, f.Function, path.Base(f.File), f.Line)
	return true
}

// caller is the first frame outside this package and net/http.
func caller() runtime.Frame {
	pc := make([]uintptr, 16)
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
	for {
		f, more := frames.Next()
		if !more || !strings.HasPrefix(f.Function, "net/http.") && !strings.Contains(f.Function, "lastbyte/internal/request.") {
			return f
		}
	}
}
