package board_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/board"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// asked gives the answer to a request of a client at addr for host, with the fields.
func asked(h http.Handler, addr, host string, fields ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/debug/requests", nil)
	r.RemoteAddr, r.Host = addr, host
	for i := 0; i < len(fields); i += 2 {
		r.Header.Add(fields[i], fields[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// Clients on the same machine alone, and none that a proxy or another name may have led
// here.
func TestL4_WhoMayLook(t *testing.T) {
	t.Parallel()
	const here, local = "127.0.0.1:4711", "localhost:8080"
	for _, c := range []struct {
		name, addr, host string
		fields           []string
		want             int
	}{
		{"IPv4", here, local, nil, 200},
		{"another of its addresses", "127.9.9.9:1", local, nil, 200},
		{"IPv6", "[::1]:4711", "[::1]:8080", nil, 200},
		{"IPv6 with a zone", "[::1%lo]:4711", "localhost", nil, 200},
		{"IPv4 in IPv6", "[::ffff:127.0.0.1]:4711", "127.0.0.1", nil, 200},
		{"a name below localhost", here, "api.localhost:8080", nil, 200},
		{"a host with a dot at its end", here, "LOCALHOST.:8080", nil, 200},
		{"elsewhere", "192.0.2.1:4711", local, nil, 403},
		{"elsewhere, IPv6", "[2001:db8::1]:4711", local, nil, 403},
		{"elsewhere, IPv4 in IPv6", "[::ffff:192.0.2.1]:4711", local, nil, 403},
		{"any address", "0.0.0.0:1", local, nil, 403},
		{"no address", "", local, nil, 403},
		{"a Unix socket", "@", local, nil, 403},
		{"a name for an address", "localhost:4711", local, nil, 403},
		{"an address and more", "127.0.0.1.example.com:1", local, nil, 403},
		{"another name leads here", here, "evil.example:8080", nil, 403},
		{"a name that begins as localhost", here, "localhost.evil.example", nil, 403},
		{"a name that begins as an address", here, "127.0.0.1.evil.example", nil, 403},
		{"an address elsewhere as host", here, "192.0.2.1:8080", nil, 403},
		{"no host", here, "", nil, 403},
		{"X-Forwarded-For", here, local, []string{"X-Forwarded-For", "127.0.0.1"}, 403},
		{"an empty X-Forwarded-For", here, local, []string{"X-Forwarded-For", ""}, 403},
		{"X-Real-IP", here, local, []string{"X-Real-IP", "127.0.0.1"}, 403},
		{"Forwarded", here, local, []string{"Forwarded", "for=127.0.0.1"}, 403},
		{"Via", here, local, []string{"Via", "1.1 proxy"}, 403},
		{"the page itself", here, local, []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors"}, 200},
		{"typed into the address bar", here, local, []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"}, 200},
		{"another page fetches", here, local, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "script"}, 403},
		{"another port fetches", here, local, []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"}, 403},
		{"another page frames", here, local, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{"another page links", here, local, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{"an old browser, another page", here, local, []string{"Origin", "http://evil.example"}, 403},
		{"an old browser, no origin", here, local, []string{"Origin", "null"}, 403},
		{"an old browser, the page itself", here, local, []string{"Origin", "http://localhost:8080"}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := board.New(middleware.New(middleware.Options{}))
			for _, accept := range []string{"*/*", "text/html"} {
				w := asked(h, c.addr, c.host, append(c.fields, "Accept", accept)...)
				if w.Code != c.want {
					t.Errorf("status = %d, want %d: %s", w.Code, c.want, w.Body)
				}
				if c.want == 403 && !strings.Contains(w.Body.String(), "board.Options{Allow:") {
					t.Errorf("the page of the 403 = %s, want one that says how to get in", w.Body)
				}
			}
		})
	}
}

// A middleware that takes the address from a field lets nobody in.
func TestL4_RealIPInFront(t *testing.T) {
	t.Parallel()
	b := board.New(middleware.New(middleware.Options{}))
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = r.Header.Get("X-Forwarded-For") // as chi's RealIP does
		b.ServeHTTP(w, r)
	})
	if w := asked(h, "192.0.2.1:4711", "localhost", "X-Forwarded-For", "127.0.0.1"); w.Code != 403 {
		t.Errorf("status = %d, want 403", w.Code)
	}
}

// Allow takes the place of the rule for the same machine, and lets no page of another
// origin in.
func TestL4_Allow(t *testing.T) {
	t.Parallel()
	h := board.NewWith(middleware.New(middleware.Options{}), board.Options{Allow: func(r *http.Request) bool {
		user, _, _ := r.BasicAuth()
		return user == "ops"
	}})
	const ops = "Basic b3BzOng="
	for _, c := range []struct {
		name   string
		addr   string
		fields []string
		want   int
	}{
		{"allowed", "192.0.2.1:1", []string{"Authorization", ops, "X-Forwarded-For", "192.0.2.9"}, 200},
		{"not allowed, though here", "127.0.0.1:1", nil, 403},
		{"allowed, from another page", "192.0.2.1:1", []string{"Authorization", ops, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors"}, 403},
	} {
		if w := asked(h, c.addr, "board.example", c.fields...); w.Code != c.want {
			t.Errorf("%s: status = %d, want %d", c.name, w.Code, c.want)
		}
	}
}

// Nothing but GET and HEAD is answered.
func TestL4_ReadOnly(t *testing.T) {
	t.Parallel()
	h := board.NewWith(middleware.New(middleware.Options{}), board.Options{Allow: everybody})
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "/debug/requests", nil))
		if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: status = %d, Allow = %q, want 405 and GET, HEAD", method, w.Code, w.Header().Get("Allow"))
		}
	}
}

// Options that make no sense panic at once, and name the function.
func TestNewWith_Panics(t *testing.T) {
	t.Parallel()
	for _, o := range []board.Options{{Endings: -1}, {Viewers: -1}} {
		func() {
			defer func() {
				if v, _ := recover().(string); !strings.HasPrefix(v, "board.NewWith: ") {
					t.Errorf("NewWith(%+v) panics with %q, want its name", o, v)
				}
			}()
			board.NewWith(middleware.New(middleware.Options{}), o)
		}()
	}
	defer func() {
		if v, _ := recover().(string); !strings.HasPrefix(v, "board.NewWith: ") {
			t.Errorf("New(nil) panics with %q, want the name of NewWith", v)
		}
	}()
	board.New(nil)
}
