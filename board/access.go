package board

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
)

// format is how the board answers.
type format string

const (
	asHTML   format = "html"
	asJSON   format = "json"
	asText   format = "text"
	asEvents format = "events" // server-sent events, of the HTML standard
)

// formatOf gives what r asks for: by its query, by the end of its path, by its Accept
// field. curl accepts everything, and gets text.
func formatOf(r *http.Request) (f format, ok bool) {
	if said := r.URL.Query().Get("format"); said != "" {
		f = format(said)
		return f, f == asHTML || f == asJSON || f == asText || f == asEvents
	}
	switch path.Ext(r.URL.Path) {
	case ".json":
		return asJSON, true
	case ".txt":
		return asText, true
	}
	accept := strings.ToLower(strings.Join(r.Header.Values("Accept"), ","))
	switch {
	case strings.Contains(accept, "text/event-stream"):
		return asEvents, true
	case strings.Contains(accept, "text/html"):
		return asHTML, true
	case strings.Contains(accept, "application/json"):
		return asJSON, true
	}
	return asText, true
}

// refuse gives the reason why r is not answered, "" if it is.
func (b *board) refuse(r *http.Request) (why string) {
	if foreign(r) {
		return "The request comes from a page of another origin."
	}
	if b.allow == nil {
		return elsewhere(r)
	}
	if !b.allow(r) {
		return "Options.Allow of this board does not let it pass."
	}
	return ""
}

// foreign reports whether a page of another origin asks, by the fields that browsers add.
// A link to the board is no harm: the board changes nothing.
func foreign(r *http.Request) bool {
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "same-origin", "none":
		return false
	case "":
		origin := r.Header.Get("Origin") // of a browser from before 2023
		if origin == "" {
			return false
		}
		u, err := url.Parse(origin)
		return err != nil || !strings.EqualFold(u.Host, r.Host)
	}
	return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
}

// proxied are the fields by which a proxy says that a request is not its own.
var proxied = []string{
	"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port",
	"X-Forwarded-Server", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "True-Client-Ip",
	"Cf-Connecting-Ip", "Cf-Ray", "Fly-Client-Ip", "Fastly-Client-Ip", "X-Envoy-External-Address", "X-Original-Forwarded-For",
}

// elsewhere says why the client of r is not known to be on this machine, "" if it is. A
// middleware may have set RemoteAddr from a field, which any client can send: so the fields
// count whatever the address is. The host counts because a page can have its own name lead
// to 127.0.0.1, and then has the same origin as the board (DNS rebinding).
func elsewhere(r *http.Request) (why string) {
	if !loopback(r.RemoteAddr) {
		return "The client is not on the machine of the server."
	}
	for _, field := range proxied {
		if _, ok := r.Header[field]; ok {
			return "The request has come through a proxy: it has the field " + field + "."
		}
	}
	host := strings.ToLower(strings.TrimSuffix(hostOf(r.Host), "."))
	if host != "localhost" && !strings.HasSuffix(host, ".localhost") && !loopback(host) {
		return "The host of the URL is neither localhost nor a loopback address."
	}
	return ""
}

// hostOf is addr without its port.
func hostOf(addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(addr, "["), "]")
}

// loopback reports whether addr, with a port or without, is a loopback address.
func loopback(addr string) bool {
	ip, err := netip.ParseAddr(hostOf(addr))
	return err == nil && ip.Unmap().IsLoopback()
}
