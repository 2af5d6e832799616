package comparison

import (
	"slices"
	"strings"
)

// A difference is one that is known. Where it applies, the lines that it hides
// are not compared; without hides, nothing is.
type difference struct {
	why     string
	applies func(s *script, m mode, want []string) bool
	hides   func(line string) bool
}

var known = append(meant, repairs...)

// meant are the differences that stay; docs/transparency.md has them, too.
var meant = []difference{
	{
		why: "a Flush after Hijack panics with a nil pointer in net/http; lastbyte gives http.ErrHijacked",
		applies: func(s *script, m mode, _ []string) bool {
			return !s.http2 && s.has("hijack") && s.has("flush", "Flush", "unwrap 1")
		},
	},
	{
		why: "http.MaxBytesReader cannot have net/http's writer close the connection; lastbyte does so on a 413, whoever chose it",
		applies: func(s *script, m mode, _ []string) bool {
			return !s.http2 && s.has("read at most", "status 413")
		},
	},
	{
		why: "net/http's HTTP/2 client resets the stream of a response that is longer than declared, or takes 20 s: a client that leaves",
		applies: func(s *script, m mode, want []string) bool {
			return s.http2 && slices.ContainsFunc(want, func(line string) bool {
				return strings.Contains(line, "replied with more than declared Content-Length") ||
					strings.HasPrefix(line, "client: ") && strings.Contains(line, "context deadline exceeded")
			})
		},
	},
	{
		why:     "under Detach net/http logs the stack of the serving goroutine, so lastbyte logs that of the panic before it",
		applies: func(s *script, m mode, _ []string) bool { return m.detach && s.has("panic", "status 0", "status 1000") },
		hides:   func(line string) bool { return strings.Contains(line, ": panic serving ") },
	},
}

// repairs are the differences that are being repaired, by number.
var repairs = []difference{
	{why: "42", applies: func(s *script, m mode, _ []string) bool { return s.hasIn(`then "`) && !s.onlyEOF() }},
	{why: "46", applies: func(s *script, m mode, _ []string) bool {
		return !s.http2 && s.has("io.Copy", "ReadFrom", "http.Serve")
	}},
	{why: "response.Write on hijacked connection names lastbyte's frame", applies: func(s *script, m mode, _ []string) bool {
		return s.has("hijack")
	}},
	{why: "49", applies: func(s *script, m mode, _ []string) bool { return s.has("status 1") }},
}

func (s *script) hasIn(part string) bool {
	for _, o := range s.ops {
		if strings.Contains(o.text, part) {
			return true
		}
	}
	return false
}

func (s *script) onlyEOF() bool {
	for _, o := range s.ops {
		if strings.Contains(o.text, `then "`) && !strings.Contains(o.text, `then "EOF"`) {
			return false
		}
	}
	return true
}
