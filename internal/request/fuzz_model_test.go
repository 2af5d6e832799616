package request_test

import (
	"net/http"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// model is a request as docs/promises.md describes it, where each event is over
// before the next begins. Its methods give the error that the call must give.
type model struct {
	detach, check, h2, body                         bool
	winner                                          string // "": none yet
	status                                          int
	bytes                                           int64
	code                                            exitcode.Code
	threads, tasks, calls                           int // at work; accepted; of the callback
	exit, on, calling                               bool
	waiting, learned                                int // functions of AfterFunc: that wait for an abort, that have run
	committed, hijacked, gone, panicked, cut, outer bool
	answered                                        bool
	stands                                          bool // an exit waits for the handler, which may say that the body is not whole
	unsent                                          bool // committed for a client that was gone
	back, ended                                     bool // the handler, ServeHTTP
	left, cancelled                                 bool // the client, unnoticed or not; the handler's context
	told                                            middleware.Outcome
}

func (m *model) write(n int64) error {
	if err := m.refuses(); err != nil {
		return err
	}
	if m.commit(http.StatusOK) {
		m.bytes += n
		return nil
	}
	return http.ErrHijacked
}

// flush sends the header. On HTTP/2 a response without a body is complete then, and
// the end of its stream does not tell about the client: it ends the context, as without
// lastbyte.
func (m *model) flush() error {
	err := m.write(0)
	if err == nil && m.h2 && (m.status == http.StatusNoContent || m.status == http.StatusNotModified) {
		m.answered = true
		m.cancelled = m.cancelled || m.left && !m.gone && m.winner != "sent"
	}
	return err
}

func (m *model) header(status int) error {
	if m.refuses() == nil && status >= 200 {
		m.commit(status)
	}
	return nil
}

// refuses: after an ending nothing of the handler's passes.
func (m *model) refuses() error {
	decided := m.winner == "exited" || m.winner == "aborted"
	switch {
	case !m.ended && !m.detach && m.hijacked && !m.committed: // net/http refuses
		return nil
	case !m.ended && !(m.detach && m.winner != "") && !decided:
		return nil
	case m.winner == "exited" && !m.ended && !m.stands: // an exit waits for that
		m.page()
		m.end(m.detach)
	}
	return m.refusal()
}

func (m *model) refusal() error {
	return map[string]error{"exited": request.ErrExited, "aborted": request.ErrClientAborted, "returned": request.ErrEnded, "sent": request.ErrEnded}[m.winner]
}

func (m *model) commit(status int) bool {
	if !m.committed && !m.hijacked {
		m.committed, m.status, m.unsent = true, status, m.gone
	}
	return !m.hijacked
}

func (m *model) page() {
	if !isDrop(int(m.code)) && !m.committed && !m.hijacked {
		m.commit(int(m.code))
		if m.code >= 300 && m.code != 304 {
			m.bytes += int64(len(m.code.String()) + 1)
		}
	}
}

// end: ServeHTTP returns.
func (m *model) end(now bool) {
	if !now || m.ended {
		return
	}
	m.ended = true
	switch {
	case m.hijacked:
	case m.winner == "exited":
		m.page()
		if !m.committed {
			m.status = max(int(m.code), 0)
		}
	case m.winner == "aborted" && !m.committed:
		m.status = 499
	case !m.committed && !m.panicked && !m.cut:
		m.status = http.StatusOK
	}
	m.told = m.outcome()
}

// beside: it is a thread or the callback that acts, see world.who.
func (m *model) beside(arg byte) bool {
	return arg&3 == 2 && m.threads > 0 || arg&3 == 3 && m.calling
}

// settle: a goroutine of the request has ended.
func (m *model) settle() error {
	m.end(m.back && (m.stands || m.detach && m.winner == "exited"))
	if m.back && m.threads == 0 && !m.calling {
		if m.winner == "" {
			m.winner = "returned"
		}
		m.end(true)
		m.cancelled = true
	}
	return nil
}

// panics: the handler does; cut: with http.ErrAbortHandler; exits: or it is left by
// runtime.Goexit.
func (m *model) panics(cut, exits bool) error {
	if !m.detach || m.winner == "aborted" { // the serving goroutine panics
		m.panicked, m.cut = !cut, m.cut || cut
		if m.winner == "" {
			m.winner = "returned" // threads that exit now are too late
		}
	} else if m.winner == "" {
		m.winner, m.panicked, m.cut = "returned", !cut, cut
	} else if m.winner == "exited" && !m.ended { // its response is still to come
		m.panicked, m.cut = !cut && !exits, m.cut || m.stands
	}
	m.back, m.cancelled = true, true
	m.end(m.detach && m.winner != "aborted")
	return m.settle()
}

func (m *model) exits(code exitcode.Code, beside bool) error {
	switch {
	case code < -1, code > 0 && code < 200, code > 999:
		return exitcode.ErrInvalidCode
	case code == 0:
		return nil
	case m.winner == "aborted" && !m.exit:
		m.exit, m.code = true, code
		return request.ErrEnded
	case m.winner == "exited":
		return request.ErrExited
	case m.winner == "sent": // what is left of the work
		m.cancelled = true
		return request.ErrEnded
	case m.winner != "":
		return request.ErrEnded
	}
	m.cancelled = true
	m.winner, m.exit, m.code = "exited", true, code
	if isDrop(int(code)) || m.committed || m.hijacked {
		agrees := m.committed && int(code) == m.status
		late := !isDrop(int(code)) && code >= 300 && !agrees
		m.stands = m.detach && late && !beside && !m.hijacked
		m.end(m.detach && !m.stands)
		if late {
			return request.ErrHeaderSent
		}
		return nil
	}
	m.end(m.detach && beside)
	return nil
}

// expires: the Timeout's time is up, for the first time or again.
func (m *model) expires() error {
	if m.winner != "" || m.hijacked {
		return nil
	}
	m.cancelled = true
	m.winner, m.exit, m.code = "exited", true, http.StatusGatewayTimeout
	m.cut = m.committed // what has begun never looks complete
	m.end(m.detach)
	return nil
}

func (m *model) sends() error {
	switch {
	case m.winner == "exited":
		return request.ErrExited
	case m.gone:
		return request.ErrClientAborted
	case m.winner != "":
		return request.ErrEnded
	case !m.detach:
		return request.ErrNotDetached
	case m.hijacked:
		return http.ErrHijacked
	}
	m.winner = "sent"
	m.commit(http.StatusOK)
	m.end(true)
	return nil
}

func (m *model) hijacks() error {
	switch {
	case m.h2:
		return http.ErrNotSupported
	case !m.ended && !m.detach && m.winner == "returned": // threads are at work behind a panic
		if m.hijacked {
			return http.ErrHijacked
		}
	case m.ended, m.winner != "" && m.winner != "aborted": // a dead connection harms nobody
		return m.refusal()
	case m.hijacked:
		return http.ErrHijacked
	}
	m.hijacked = true
	return nil
}

func (m *model) spawns() error {
	switch {
	case m.winner == "exited":
		return request.ErrExited
	case m.back && m.threads == 0 && !m.calling:
		return request.ErrEnded
	}
	m.threads++
	return nil
}

// outcome is what OnEnd has to be told, and so is everybody later.
func (m *model) outcome() middleware.Outcome {
	o := middleware.Outcome{Status: m.status, Bytes: m.bytes, Exited: m.exit, Exit: m.code, Hijacked: m.hijacked, Panicked: m.panicked, Cut: m.cut && !m.gone}
	dropped := m.winner == "aborted" || m.winner == "exited" && isDrop(int(m.code))
	switch {
	case m.unsent && !m.hijacked:
		if m.exit {
			o.Status = max(int(m.code), 0)
		}
	case m.committed, !dropped && !m.panicked && !m.cut && !m.hijacked && !m.gone:
		o.Sent = m.status
	case m.panicked && !dropped:
		o.Status = http.StatusInternalServerError
	}
	if m.hijacked {
		o.Status = http.StatusSwitchingProtocols
	}
	return o
}

// isDrop reports whether an exit with code drops the connection.
func isDrop(code int) bool { return lifecycle.ClassOf(code) == lifecycle.Drop }
