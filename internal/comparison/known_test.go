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
		why: "a Flush or a copy after Hijack panics with a nil pointer in net/http, or has taken 512 bytes; lastbyte gives http.ErrHijacked",
		applies: func(s *script, m mode, _ []string) bool {
			return !s.http2 && s.has("hijack") && s.has("flush", "Flush", "unwrap 1", "io.Copy", "ReadFrom", "http.Serve")
		},
	},
	{
		why:     "what goes to net/http's own writer, past the writer of the handler, lastbyte does not see: a later superfluous status is logged with its frame",
		applies: func(s *script, _ mode, _ []string) bool { return s.has("unwrap 0", "unwrap 1") },
		hides:   func(line string) bool { return strings.Contains(line, "http: superfluous response.WriteHeader call") },
	},
	{
		why: "with ConnContext and a socket a read deadline ends no context, golang/go#70834, nor that of a later request",
		applies: func(s *script, m mode, _ []string) bool {
			return !s.http2 && s.loopback && m.attach && s.has("SetReadDeadline")
		},
		hides: func(line string) bool { return strings.HasPrefix(line, "handler: ") && strings.Contains(line, "Err ") },
	},
	{
		why: "on a connection that has no ReadFrom (TLS, pipenet) net/http makes the chunks of a copy as large as the reads; lastbyte's first is of 512 bytes; compared on loopback",
		applies: func(s *script, _ mode, _ []string) bool {
			return !s.http2 && !s.loopback && s.has("io.Copy", "ReadFrom", "http.Serve")
		},
	},
	{
		why:     "Attach says once that it finds no socket",
		applies: func(s *script, m mode, _ []string) bool { return m.attach && !s.loopback },
		hides:   func(line string) bool { return strings.HasPrefix(line, "log: lastbyte: no socket found") },
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
	{why: "49", applies: func(s *script, m mode, _ []string) bool { return s.has("status 1") }},
}
