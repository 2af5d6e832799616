package comparison

import (
	"regexp"
	"slices"
	"strings"
)

// A difference is one that is known. Where it applies, each line is compared as
// rewrite leaves it, and not at all where that is nothing; without rewrite, nothing
// of the script is compared.
type difference struct {
	why     string
	applies func(s *script, m mode, want []string) bool
	rewrite func(line string) string
}

// known are the differences that stay; docs/transparency.md has them, too.
var known = []difference{
	{
		why: "a Flush after Hijack panics with a nil pointer in net/http; lastbyte gives http.ErrHijacked",
		applies: func(s *script, _ mode, want []string) bool {
			return !s.http2 && s.has("hijack") && shows(want, "handler: outside: panic runtime error: invalid memory address")
		},
	},
	{
		why:     "a copy after Hijack has taken 512 bytes of the source in net/http; lastbyte gives http.ErrHijacked before",
		applies: func(s *script, _ mode, _ []string) bool { return !s.http2 && s.has("hijack") },
		rewrite: func(line string) string {
			if strings.Contains(line, "http: connection has been hijacked") {
				line, _, _ = strings.Cut(line, "; ")
			}
			return line
		},
	},
	{
		why:     "on a connection that has no ReadFrom (TLS, pipenet) lastbyte's first read of a copy is of 512 bytes, so that fewer may be taken when the write fails",
		applies: func(s *script, _ mode, _ []string) bool { return s.copiesApart() },
		rewrite: func(line string) string {
			if strings.HasSuffix(line, " taken") && !strings.Contains(line, ", nil; ") {
				line, _, _ = strings.Cut(line, "; ")
			}
			return line
		},
	},
	{
		why: "there a copy that is longer than declared, meets a deadline for writing, or comes before a Hijack or a panic, which drop what is held back, ends after other bytes",
		applies: func(s *script, _ mode, want []string) bool {
			return s.copiesApart() && (s.server.write > 0 || s.has("SetWriteDeadline", "hijack", "panic") || shows(want, "wrote more than the declared Content-Length"))
		},
	},
	{
		why: "what goes to net/http's own writer and meets a deadline for writing there, lastbyte does not see",
		applies: func(s *script, _ mode, _ []string) bool {
			return (s.server.write > 0 || s.has("SetWriteDeadline")) && s.has("unwrap 0", "unwrap 1")
		},
	},
	{
		why:     "what goes to net/http's own writer, past the writer of the handler, lastbyte does not see: a later superfluous status is logged with its frame",
		applies: func(s *script, _ mode, _ []string) bool { return s.has("unwrap 0", "unwrap 1") },
		rewrite: func(line string) string {
			if strings.HasPrefix(line, "log: http: superfluous response.WriteHeader call") {
				line, _, _ = strings.Cut(line, " from ")
			}
			return line
		},
	},
	{
		why: "nor does it see that such a Flush ends the stream of a HEAD on HTTP/2, which looks like a client that leaves",
		applies: func(s *script, _ mode, _ []string) bool {
			return s.http2 && s.request.method == "HEAD" && s.has("unwrap 0", "unwrap 1")
		},
		rewrite: without("handler: "),
	},
	{
		why: "with ConnContext and a socket a read deadline ends no context, golang/go#70834, nor that of a later request",
		applies: func(s *script, m mode, _ []string) bool {
			return !s.http2 && s.loopback && m.attach && s.has("SetReadDeadline past", "SetReadDeadline in 10 ms")
		},
		rewrite: func(line string) string { return contextEnd.ReplaceAllString(line, "") },
	},
	{
		why:     "Attach says once that it finds no socket",
		applies: func(s *script, m mode, _ []string) bool { return m.attach && !s.loopback },
		rewrite: without("log: lastbyte: no socket found"),
	},
	{
		why:     "a Lifecycle says once that the server was never attached",
		applies: func(_ *script, m mode, _ []string) bool { return !m.attach },
		rewrite: without("log: lastbyte: the http.Server on "),
	},
	{
		why:     "a 413 closes the connection, whoever chose it, since http.MaxBytesReader cannot have net/http's writer do so; then net/http does not read the rest of the body",
		applies: func(s *script, _ mode, _ []string) bool { return !s.http2 && s.has("status 413") },
		rewrite: func(line string) string { return contextEnd.ReplaceAllString(unread(line), "") },
	},
	{
		why:     "another response to a body that is too large does not close it, and net/http reads the rest before the header goes out",
		applies: func(s *script, _ mode, want []string) bool { return !s.http2 && shows(want, "MaxBytesError") },
		rewrite: func(line string) string {
			if strings.Contains(line, "MaxBytesError") {
				return line
			}
			if strings.Contains(line, "i/o timeout") { // the buffer that failed held another header
				line = writtenCount.ReplaceAllString(line, "write = ")
			}
			return contextEnd.ReplaceAllString(unread(line), "")
		},
	},
	{
		why:     "so a read after the header goes on elsewhere in the body",
		applies: func(s *script, _ mode, want []string) bool { return !s.http2 && count(want, "MaxBytesError") > 1 },
		rewrite: func(line string) string { return readBytes.ReplaceAllString(line, "$1$2") },
	},
	{
		why: "net/http's HTTP/2 client resets the stream of a response that is longer than declared, or takes 20 s: a client that leaves",
		applies: func(s *script, _ mode, want []string) bool {
			return s.http2 && (shows(want, "replied with more than declared Content-Length") ||
				slices.ContainsFunc(want, func(line string) bool {
					return strings.HasPrefix(line, "client: ") && strings.Contains(line, "context deadline exceeded")
				}))
		},
	},
	{
		why:     "under Detach net/http logs the stack of the serving goroutine, so lastbyte logs that of the panic before it",
		applies: func(s *script, m mode, _ []string) bool { return m.detach && s.has("panic", "status 0", "status 1000") },
		rewrite: without(`log: http: panic serving "`), // net/http does not quote the address
	},
}

// unread drops what depends on whether net/http reads the rest of a body before the
// header goes out, and on whether it closes the connection then.
var unread = without("client: ", "handler: next ", "handler: outside: returned", "handler: header: ", "handler: by hand: ",
	"handler: read", "handler: form value", "handler: request trailer", "handler: body close",
	"log: http: panic serving ADDRESS: invalid concurrent Body.Read call")

var readBytes = regexp.MustCompile(`^(handler: read[a-z ]* = ).*(, http: request body too large)`)

var writtenCount = regexp.MustCompile(`write = [0-9]+`)

var contextEnd = regexp.MustCompile(`Err .*, Cause .*`)

func shows(lines []string, text string) bool {
	return slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, text) })
}

func count(lines []string, text string) (n int) {
	for _, line := range lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// without drops the lines that begin with one of the prefixes.
func without(prefixes ...string) func(line string) string {
	return func(line string) string {
		for _, p := range prefixes {
			if strings.HasPrefix(line, p) {
				return ""
			}
		}
		return line
	}
}
