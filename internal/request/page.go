package request

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/lastbyte-go/lastbyte/internal/header"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
)

// render sends the exit's own response, unless one is on its way. flush: the
// handler is still at work, or a panic goes on, so net/http would not.
func (r *Request) render(flush bool) {
	e := r.renderMove()
	if e == nil || !r.w.gate.Enter() {
		return
	}
	defer r.w.gate.Leave(r)
	status, body := r.page(&r.w, e)
	h := r.w.wrapped.Header()
	if status == http.StatusRequestEntityTooLarge {
		r.tooLarge(h)
	}
	r.filterStatus(status)
	if !r.state.Load().PassesFilters(status) {
		return // respond drops it
	}
	r.respondBeforeBody()
	r.mu.Lock()
	r.state.Store(r.state.Load().CommitPage())
	r.w.status = int16(status)
	r.mu.Unlock()
	r.w.wrapped.WriteHeader(status)
	if r.in.Method != http.MethodHead && len(body) > 0 {
		n, _ := r.w.wrapped.Write(body) // there is nobody to whom an error could be reported
		r.size.Add(int64(n))
	}
	if flush {
		_ = http.NewResponseController(r.w.wrapped).Flush()
	}
}

// page gives the response of e, and sets its headers in the map below w.
func (r *Request) page(w *Writer, e *Exit) (status int, body []byte) {
	h := w.wrapped.Header()
	entry := w.entryOf(h)
	set, p := r.takePage()
	status = e.Code
	whole := lifecycle.ClassOf(e.Code) == lifecycle.Page && e.Code != http.StatusNotModified
	header.DropBody(h, whole, entry)
	if whole {
		status, body = r.writePage(set, e, h, p)
	}
	delete(h, "Transfer-Encoding") // the page's, too: what it wrote is in memory
	switch {
	case status == http.StatusNoContent || status == http.StatusNotModified:
		return status, nil
	case entry["Content-Encoding"] != nil || entry["Trailer"] != nil:
		delete(h, "Content-Length") // a layer outside encodes the body, or sends something after it
	default:
		p.length[0] = strconv.Itoa(len(body))
		h["Content-Length"] = p.length[:]
	}
	return status, body
}

// renderMove: the page of the exit, which it gives, is written once, and only where no
// header is out.
func (r *Request) renderMove() *Exit {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, ok := r.state.Load().Render()
	r.state.Store(next)
	if !ok {
		return nil
	}
	return r.rare.exit
}

// pageParts is what a page of text is made of, in one allocation. None of it is shared
// with another page, since handlers outside may change what they are given.
type pageParts struct {
	length, kind, nosniff [1]string
	body                  [64]byte // a longer Text has one of its own
}

// takePage gives the setting of the page, which may be nil, and what a page is made of.
func (r *Request) takePage() (set *pageSetting, p *pageParts) {
	r.mu.Lock()
	x := r.rare // it has the exit
	set, p, x.parts = x.page, x.parts, nil
	r.mu.Unlock()
	if p == nil {
		p = new(pageParts)
	}
	return set, p
}

// writePage gives the page of e, and sets its headers in h; p is for its parts. Where set
// names none, nothing of the user's runs.
func (r *Request) writePage(set *pageSetting, e *Exit, h http.Header, p *pageParts) (status int, body []byte) {
	if set != nil && set.page.Write != nil {
		return r.callPage(set, e, h)
	}
	p.kind[0], p.nosniff[0] = "text/plain; charset=utf-8", "nosniff"
	h["Content-Type"], h["X-Content-Type-Options"] = p.kind[:], p.nosniff[:]
	return e.Code, append(p.body[:0], e.Text...)
}

// callPage lets the page of a setting be written into memory. If it does not return, h
// is as it was and there is no page.
func (r *Request) callPage(set *pageSetting, e *Exit, h http.Header) (status int, body []byte) {
	r.mu.Lock()
	req := set.req
	if d := r.det.Load(); d != nil && !d.handlerReturned {
		req = d.in // the handler may be at work on its own
	}
	r.mu.Unlock()
	if of, _ := From(req.Context()); of != r {
		req = req.WithContext(&r.node) // it came from outside of lastbyte; the page asks for the exit
	}
	p := &pageWriter{header: h.Clone(), status: e.Code}
	if p.header == nil {
		p.header = make(http.Header)
	}
	whole := false
	usercall.Apart(func() { // runtime.Goexit would end the goroutine that still has to send the status
		r.run(scope.OnHandler, func() { set.page.Write(p, req, e.Code) }, func(l usercall.Left) {
			whole = l.How == usercall.ByReturn
			r.logPanic(req.Context(), "error page", l)
		})
	})
	if !whole {
		return e.Code, nil
	}
	clear(h)
	for k, v := range p.header {
		h[k] = v
	}
	return p.status, p.buf.Bytes()
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

// tooLarge has an HTTP/1 connection closed after the response, and net/http
// linger, so that a client that still sends its body reads the response. That is
// what http.MaxBytesReader asks of net/http's own writer, and cannot behind
// another. Where that writer is hidden the header has to do.
func (r *Request) tooLarge(h http.Header) {
	if r.http1() && !nethttp.CloseAfterResponse(r.w.wrapped) {
		h.Set("Connection", "close")
	}
}
