package request_test

import "github.com/lastbyte-go/lastbyte/internal/request"

func (m *model) leaves() error {
	m.left = !m.outer
	if m.left && m.answered {
		m.cancelled = m.cancelled || m.winner != "sent"
		return nil
	}
	if m.check && m.winner == "" && !m.gone && !m.outer {
		m.gone = true
		m.learned, m.waiting = m.learned+m.waiting, 0
		if m.on {
			m.calls, m.calling = 1, true
			return nil
		}
		m.winner, m.cancelled = "aborted", true // ServeHTTP waits for the handler
	}
	return nil
}

// outers: the context around lastbyte ends, and not by the client's doing.
func (m *model) outers() error {
	if !m.left && !m.outer {
		m.outer = true
		m.cancelled = m.cancelled || m.winner != "sent"
	}
	return nil
}

func (m *model) ons() error {
	switch {
	case m.winner != "" && m.winner != "aborted", m.back && m.threads == 0 && !m.calling:
		return request.ErrEnded
	case !m.check:
		return request.ErrCheckOff
	case m.on:
		return request.ErrDuplicate
	}
	if m.on = true; m.gone {
		m.calls, m.calling = 1, true
	}
	return nil
}

func (m *model) afters() error {
	switch {
	case !m.check, m.winner != "" && !m.gone, m.back && m.threads == 0 && !m.calling:
	case m.gone:
		m.learned++
	default:
		m.waiting++
	}
	return nil
}
