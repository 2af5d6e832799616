package main

import (
	"slices"
	"strings"
)

// lastbyte is the expression of each way to wrap a handler with this repository.
// A Lifecycle that keeps goroutines between requests would hold up the bubbles
// of net/http's tests, so under Detach each request has its own. None of the servers is
// attached, which a Lifecycle says once: in its log, so that a server's ErrorLog has what
// it has without lastbyte.
var lastbyte = map[string][2]string{
	"handler": {
		`middleware.New(middleware.Options{Slog: slog.New(slog.DiscardHandler)}).Handler`,
		"github.com/lastbyte-go/lastbyte/middleware;log/slog",
	},
	"detach": {
		`func(h http.Handler) http.Handler { return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			l := middleware.New(middleware.Options{Slog: slog.New(slog.DiscardHandler)}); defer l.Shutdown(context.Background())
			l.Handler(l.Detach(h)).ServeHTTP(w, r) }) }`,
		"github.com/lastbyte-go/lastbyte/middleware;context;log/slog",
	},
}

// known are the differences that docs/transparency.md explains, by package.
var known = map[string][]string{
	"net/http/fcgi": {"TestResponseWriterSniffsContentType/no_body"},
	"x-net/http2":   {"TestServer_RSTStream_Unblocks_Read"},
	"http3/http3": {
		"TestServerHTTPStreamHijacking",
		"TestServerHTTPStreamHijackingWithoutResponse",
	},
	"http3/integrationtests/self": {
		"TestHTTPDatagramClose",
		"TestHTTPDatagramStreamReset",
		"TestHTTPDatagrams",
		"TestHTTPSettings/client_settings",
		"TestHTTPStreamErrors/application_close",
		"TestHTTPStreamErrors/stream_cancellation",
		"TestHTTPStreamer",
	},
}

// knownDetached are those that Detach adds.
var knownDetached = map[string][]string{
	"net/http": {"TestClientTimeoutKillsConn_BeforeHeaders/h1", "TestServerValidatesHostHeader"},
}

// explained splits off the regressions that are known.
func explained(r *row) (documented []string) {
	r.regressed = slices.DeleteFunc(r.regressed, func(t string) bool {
		name, _, _ := strings.Cut(t, " ")
		ok := slices.Contains(known[r.name], name) || *self == "detach" && slices.Contains(knownDetached[r.name], name)
		if ok {
			documented = append(documented, t)
		}
		return ok
	})
	return documented
}
