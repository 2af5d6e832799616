package request

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// PageFunc writes the page of an exit.
type PageFunc func(w http.ResponseWriter, r *http.Request, code int)

type pageSetting struct {
	write PageFunc
	req   *http.Request
}

// FilterFunc is a HeaderFilter's function; 0 lets the response pass.
type FilterFunc func(r *http.Request, status int, h http.Header) *Exit

type filter struct {
	f   FilterFunc
	req *http.Request
}

// Exit is an exit: its code, its cause as the context gives it, and the page if
// no setting names another.
type Exit struct {
	Code  int
	Cause error
	Page  PageFunc
}

// Drops reports whether code drops the connection.
func Drops(code int) bool { return code == -1 || code == 408 || code == 444 || code == 499 }

// Exit ends the request with e, see exitcode.Exit; ctx is the caller's.
func (r *Request) Exit(ctx context.Context, e *Exit) error {
	if kindOf(ctx) == task {
		return ErrEnded
	}
	return r.exitAs(ctx, e, false)
}

func (r *Request) exitAs(ctx context.Context, e *Exit, filter bool) error {
	won, err := r.exitMove(e, filter)
	if won || r.winner() == sent {
		r.cancel(context.Canceled, e.Cause)
	}
	if !won {
		return err
	}
	switch {
	case Drops(e.Code):
		r.dropNow()
		r.wake()
	case err != nil: // the header is sent, the response ends as it stands
		r.wake()
		if err == ErrHeaderSent {
			r.Log(fmt.Sprintf("lastbyte: exit with status %d after the header with status %d was sent", e.Code, r.Status()))
		}
	case kindOf(ctx) == foreign:
		r.wake()
	}
	if err == errStands {
		return nil
	}
	return err
}

// errStands: the exit won, and the header that is sent is in its favour.
var errStands = fmt.Errorf("%w: and stands", ErrHeaderSent)

// exitMove makes e the request's ending. The error of a move that won says that
// the header is sent already. filter: e is a HeaderFilter's, whose response
// takes the place of the one that it was shown, also where that has been decided.
func (r *Request) exitMove(e *Exit, filter bool) (won bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state.Load()
	if w := s & winnerMask; filter && (w == returned || w == sent) && s&(committed|ended) == 0 {
		s &^= winnerMask
		r.state.Store(s)
	}
	switch w := s & winnerMask; {
	case w == exited:
		return false, ErrExited
	case w == aborted && (r.extra.exit == nil):
		r.extra.exit = e // recorded, never acted on
		return false, ErrEnded
	case !r.decideLocked(exited):
		return false, ErrEnded
	}
	r.extraLocked().exit = e
	switch {
	case Drops(e.Code):
		r.markLocked(dropping)
	case s&(committed|hijacked) != 0 && e.Code < 300:
		return true, errStands
	case s&(committed|hijacked) != 0:
		return true, ErrHeaderSent
	}
	return true, nil
}

var past = time.Unix(1, 0)

// dropNow cuts the connection or stream while the handler may be at work, even
// stuck in a Write.
func (r *Request) dropNow() {
	r.mu.Lock()
	var hijackedConn = r.is(hijacked)
	x := r.extra
	r.mu.Unlock()
	if hijackedConn {
		if x != nil && x.conn != nil {
			_ = x.conn.Close() // the handler sees to its own errors
		}
		return
	}
	if r.w.gate.enter() {
		defer r.w.gate.leave()
		r.cut()
	}
}

// cut makes net/http unable to send another byte. It reports whether it could.
// The caller is inside the writer's gate.
//
// A TLS record that fails by deadline has used up its number, and what follows
// it is noise to the client: so a close_notify goes out first, if no record can
// be under way.
//
// It acts once, whoever comes first: a second reset of an HTTP/2 stream would be
// an error of ours.
func (r *Request) cut() bool {
	r.mu.Lock()
	x := r.extraLocked()
	r.mu.Unlock()
	x.cut.Do(func() {
		if c := r.conn(); c != nil && r.http1() && r.w.gate.n.Load() == 1 {
			if c, ok := c.peer.NetConn().(interface{ CloseWrite() error }); ok {
				_ = c.CloseWrite() // it fails where there is nobody left to tell
			}
		}
		rc := http.NewResponseController(r.w.inner)
		_ = rc.SetReadDeadline(past) // what is left of the body is of no use; unsupported is fine
		x.severed = rc.SetWriteDeadline(past) == nil
	})
	return x.severed
}

// drop ends the request without a byte, on the serving goroutine. Outer
// handlers see code as the status, though it never goes out. It reports whether
// net/http has to be stopped by a panic.
func (r *Request) drop(code int) (stop bool) {
	if !r.w.gate.enter() {
		return false
	}
	defer r.w.gate.leave()
	r.mu.Lock()
	r.markLocked(dropping)
	said := r.is(committed)
	if !said {
		r.status = max(code, 0)
	}
	r.mu.Unlock()
	if !said && code > 0 {
		if r.http1() {
			r.w.inner.Header().Set("Connection", "close") // or net/http reads up to 256 KB of body first
		}
		r.w.inner.WriteHeader(code)
	}
	if r.winner() == aborted && !r.http1() {
		return false // the stream is reset already; a second reset is noise on the connection
	}
	return !r.cut()
}

// respond does what the ending asks for, on the serving goroutine, when nobody
// else writes.
func (r *Request) respond(panicked bool) (stop bool) {
	s := r.state.Load()
	if s&hijacked != 0 {
		return false
	}
	switch s & winnerMask {
	case exited:
		if e := r.exit(); Drops(e.Code) {
			return r.drop(e.Code)
		}
		r.render(panicked)
	case aborted:
		return r.drop(499)
	default:
		if panicked {
			return false
		}
		if s&(committed|special) == special {
			if r.w.begin() != nil {
				return r.respond(false) // a HeaderFilter exited
			}
			r.w.gate.leave()
		}
		r.implicit()
		r.cutShort()
	}
	return false
}

// implicit notes the 200 that net/http sends for a handler that said nothing.
func (r *Request) implicit() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.is(committed) {
		r.status = http.StatusOK
	}
}

func (r *Request) exit() *Exit {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.extra == nil {
		return nil
	}
	return r.extra.exit
}

// render sends the exit's own response, unless one is on its way. flush: the
// handler is still at work, or a panic goes on, so net/http would not.
func (r *Request) render(flush bool) {
	if !r.renderMove() || !r.w.gate.enter() {
		return
	}
	defer r.w.gate.leave()
	e := r.exit()
	h := r.w.inner.Header()
	p := &pageWriter{header: h, status: e.Code}
	dropBodyHeaders(h, e.Code >= 300)
	if e.Code >= 300 && e.Code != http.StatusNotModified {
		p = r.writePage(e, h)
	}
	status := p.status
	if status == http.StatusNoContent || status == http.StatusNotModified {
		p.buf.Reset()
	} else {
		h.Set("Content-Length", strconv.Itoa(p.buf.Len()))
	}
	r.runFilters(status, h)
	r.answerFirst()
	r.mu.Lock()
	r.markLocked(committed)
	r.status = status
	r.mu.Unlock()
	r.w.inner.WriteHeader(status)
	if r.body.from.Method != http.MethodHead && p.buf.Len() > 0 {
		n, _ := r.w.inner.Write(p.buf.Bytes()) // nobody is left to hear of an error
		r.size.Add(int64(n))
	}
	if flush {
		_ = http.NewResponseController(r.w.inner).Flush()
	}
}

// renderMove: the exit's page is written once, and only where no header is out.
func (r *Request) renderMove() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.is(committed | hijacked) {
		return false
	}
	return r.markLocked(rendered)
}

// writePage lets the page of e be written into memory. If it panics, h is as it
// was and there is no page.
func (r *Request) writePage(e *Exit, h http.Header) *pageWriter {
	r.mu.Lock()
	write, req := e.Page, r.body.to
	if r.page != nil {
		write, req = r.page.write, r.page.req
	}
	if req == nil {
		req = r.body.from
	}
	r.mu.Unlock()
	p := &pageWriter{header: h.Clone(), status: e.Code}
	if p.header == nil {
		p.header = make(http.Header)
	}
	if v, _ := r.guard("error page", func() { write(p, req, e.Code) }); v != nil {
		return &pageWriter{header: h, status: e.Code}
	}
	clear(h)
	for k, v := range p.header {
		h[k] = v
	}
	return p
}

// pageWriter is the ResponseWriter of a page.
type pageWriter struct {
	header http.Header
	status int
	said   bool
	buf    bytes.Buffer
}

func (p *pageWriter) Header() http.Header { return p.header }
func (p *pageWriter) WriteHeader(status int) {
	if !p.said && status >= 200 && status <= 999 {
		p.status, p.said = status, true
	}
}
func (p *pageWriter) Write(b []byte) (int, error) {
	p.said = true
	return p.buf.Write(b)
}

// dropBodyHeaders removes what describes a body that is not sent. A bare 2xx
// keeps what describes the resource.
func dropBodyHeaders(h http.Header, all bool) {
	for _, k := range []string{"Content-Length", "Content-Encoding", "Content-Range", "Transfer-Encoding", "Trailer"} {
		delete(h, k)
	}
	if all {
		for _, k := range []string{"Content-Type", "Etag", "Last-Modified"} {
			delete(h, k)
		}
	}
	for k := range h {
		if strings.HasPrefix(k, http.TrailerPrefix) {
			delete(h, k)
		}
	}
}
