package work

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxName is how much of a name Plain gives.
const maxName = 64

// RequestName names a request whose method the client has chosen.
func RequestName(method, route string) string {
	if method = Plain(method); strings.ContainsAny(method, " ,;()") { // HTTP/2 lets them pass
		method = strconv.Quote(method)
	}
	return strings.TrimSpace(method + " " + route)
}

// Plain gives s as it may stand in a line of text: what is not plain is quoted, and
// what is long is cut.
func Plain(s string) string {
	s = cut(s)
	if q := strconv.Quote(s); q != `"`+s+`"` {
		return q
	}
	return s
}

// Quoted is Plain for what is quoted in any case.
func Quoted(s string) string { return strconv.Quote(cut(s)) }

func cut(s string) string {
	if len(s) <= maxName {
		return s
	}
	n := maxName
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "..."
}
