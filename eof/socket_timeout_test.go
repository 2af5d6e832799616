package eof_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// On HTTP/1.0 the end of the connection is the end of the body, so an orderly one would make
// half of a response look complete.
func TestX17_OnSockets(t *testing.T) { cutWhole(t, exitcode.Timeout(50*time.Millisecond, 504), 0) }
func TestX5_OnSocketsAfterHeader(t *testing.T) {
	cutWhole(t, exitcode.New(exitcode.Options{}), exitcode.Close)
}

// cutWhole has a response cut behind "part" by in, or by an exit with code if it is not 0.
func cutWhole(t *testing.T, in func(http.Handler) http.Handler, code exitcode.Code) {
	t.Parallel()
	for _, attached := range []bool{true, false} {
		for _, detached := range []bool{true, false} {
			onSockets(t, func(t *testing.T, l *link) {
				if l.h2 {
					t.Skip("a stream is reset")
				}
				life := middleware.New(middleware.Options{})
				var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					io.WriteString(w, "part")
					http.NewResponseController(w).Flush()
					if code != 0 {
						exitcode.Exit(r.Context(), code)
					}
					<-r.Context().Done()
				})
				if detached {
					h = life.Detach(h)
				}
				var s *socketServer
				if h = in(h); attached {
					s = l.serve(t, life, h)
				} else {
					s = l.unattached(t, h, func(*http.Server) {})
					t.Cleanup(func() { shutdown(t, life) })
				}
				for _, proto := range []string{"1.0", "1.0\r\nConnection: keep-alive", "1.1", "1.1\r\nConnection: close"} {
					ask := func() (string, string) {
						text, end := s.exchange(t, "GET / HTTP/"+proto+"\r\nHost: a\r\n\r\n").end()
						return string(text), end
					}
					text, end := ask()
					for range 100 { // on a busy machine the time may be up before the handler writes
						if strings.Contains(text, "part") {
							break
						}
						text, end = ask()
					}
					if !strings.Contains(text, "part") || strings.HasSuffix(text, "0\r\n\r\n") || strings.HasPrefix(proto, "1.0") && end == l.cleanEnd() {
						t.Errorf("attached %t, detached %t, HTTP/%s: %q, and then %q; want it cut", attached, detached, proto, text, end)
					}
				}
			})
		}
	}
}
