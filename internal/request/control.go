package request

import (
	"bufio"
	"net"
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

func (w *Writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !w.gate.Enter() {
		return nil, nil, w.front.request().refusal()
	}
	defer w.front.leave()
	if err := w.front.refused(); err != nil && w.front.request().winner() != lifecycle.Aborted { // a dead connection harms nobody
		return nil, nil, err
	}
	c, rw, err := http.NewResponseController(w.wrapped).Hijack()
	if err == nil {
		w.front.hijackedMove(c)
	}
	return c, rw, err
}

// flushes reports whether a writer below has Flush, where an
// http.ResponseController finds it. lastbyte's own writers have the method
// always, and are asked in turn. If the gate is closed, the call itself is
// refused later.
func (w *Writer) flushes() bool {
	if !w.gate.Enter() {
		return true
	}
	defer w.gate.Leave(w.front.request())
	return nethttp.Any(w.wrapped, func(in http.ResponseWriter) bool {
		if v, ok := in.(view); ok {
			return v.writer().flushes()
		}
		switch in.(type) {
		case interface{ FlushError() error }, http.Flusher:
			return true
		}
		return false
	})
}

func (w *Writer) Push(target string, o *http.PushOptions) error {
	if !w.gate.Enter() {
		return w.front.request().refusal()
	}
	defer w.front.leave()
	if p, ok := w.wrapped.(http.Pusher); ok {
		return p.Push(target, o)
	}
	return http.ErrNotSupported
}

func (w *Writer) CloseNotify() <-chan bool {
	if !w.gate.Enter() {
		return make(chan bool, 1)
	}
	defer w.front.leave()
	w.front.request().note(closeNotifyTaken)
	return w.wrapped.(nethttp.CloseNotifier).CloseNotify()
}

func (w *Writer) SetReadDeadline(t time.Time) error {
	w.front.noteDeadline(t, func(x *extra) *time.Time { return &x.readBy })
	return w.control(func(c *http.ResponseController) error { return c.SetReadDeadline(t) })
}

func (w *Writer) SetWriteDeadline(t time.Time) error {
	w.front.noteDeadline(t, func(x *extra) *time.Time { return &x.writeBy })
	return w.control(func(c *http.ResponseController) error { return c.SetWriteDeadline(t) })
}

func (w *Writer) EnableFullDuplex() error {
	return w.control((*http.ResponseController).EnableFullDuplex)
}

func (w *Writer) control(f func(*http.ResponseController) error) error {
	if !w.gate.Enter() {
		return w.front.request().refusal()
	}
	defer w.front.leave()
	return f(http.NewResponseController(w.wrapped))
}
