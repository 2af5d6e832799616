package nethttp

import (
	"runtime"
	"strings"
)

// IsHookOfHTTP1 reports whether the caller is called by a ConnState hook that the HTTP/1
// server calls, for one of its own connections (conn.setState in server.go). That is the
// one proof of what serves a connection without TLS: the HTTP/2 server calls the hook by
// functions of other names, and a request can state any version. False if it cannot be
// told: the hook does its work on another goroutine, say.
func IsHookOfHTTP1() bool {
	var pc [16]uintptr
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc[:])])
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "net/http.") {
			return f.Function == "net/http.(*conn).setState"
		}
		if !more {
			return false
		}
	}
}
