package metrics

import (
	"cmp"
	"strconv"
	"strings"
	"sync"

	"github.com/lastbyte-go/lastbyte/exitcode"
)

// The values of labels that stand for many.
const (
	unmatched = "unmatched" // no router has matched; a pattern has a slash
	other     = "other"     // one too many
)

const (
	defaultRoutes = 500
	maxCodes      = 32  // of one route: a handler may exit with a number that its client chose
	maxRoute      = 256 // bytes
)

// series bounds the values of labels.
type series struct {
	routes int

	mu    sync.RWMutex                      // guards what follows, and is held for look-ups alone
	known map[string]map[exitcode.Code]bool // routes, and the codes of each
}

func newSeries(routes int) series {
	return series{
		routes: cmp.Or(routes, defaultRoutes),
		known:  map[string]map[exitcode.Code]bool{unmatched: {}, other: {}},
	}
}

// route gives the label value of a route.
func (s *series) route(pattern string) string {
	name := nameOf(pattern)
	s.mu.RLock()
	_, ok := s.known[name]
	s.mu.RUnlock()
	if ok {
		return name
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.routeLocked(name)
}

func (s *series) routeLocked(name string) string {
	if _, ok := s.known[name]; ok {
		return name
	}
	if len(s.known) >= s.routes+2 { // unmatched and other
		return other
	}
	s.known[strings.Clone(name)] = map[exitcode.Code]bool{}
	return name
}

// exit gives the label values of an exit.
func (s *series) exit(pattern string, code exitcode.Code) (route, text string) {
	name := nameOf(pattern)
	s.mu.RLock()
	ok := s.known[name][code]
	s.mu.RUnlock()
	if ok {
		return name, strconv.Itoa(int(code))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name = s.routeLocked(name)
	codes := s.known[name]
	if !codes[code] {
		if len(codes) >= maxCodes {
			return name, other
		}
		codes[code] = true
	}
	return name, strconv.Itoa(int(code))
}

// nameOf is a pattern as a label value: Prometheus takes valid UTF-8 alone.
func nameOf(pattern string) string {
	if pattern == "" {
		return unmatched
	}
	return strings.ToValidUTF8(pattern[:min(len(pattern), maxRoute)], "\uFFFD")
}
