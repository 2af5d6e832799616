package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"

	"github.com/rs/zerolog"
)

// A server that was never attached is named once in its log, with the missing call.
func TestLifecycle_Unattached(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		life := newLife(t, middleware.Options{})
		h := m.wrap(life, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)) // there is no server to attach
		attached := pipenet.Start(t, p, h, life.Attach)
		context := pipenet.Start(t, p, h, func(srv *http.Server) { srv.ConnContext = abort.ConnContext })
		never := pipenet.Start(t, p, h, func(srv *http.Server) { srv.Addr = ":8080\n" })
		for range 2 {
			for _, s := range []*pipenet.Server{attached, context, never} {
				get(t, s, "/")
			}
		}
		synctest.Wait()
		for _, s := range []*pipenet.Server{attached, context} {
			if strings.Contains(s.Logs(), "attached") {
				t.Errorf("Logs() = %q, want nothing of that", s.Logs())
			}
		}
		log := never.Logs()
		if strings.Count(log, "\n") != 1 || !strings.HasPrefix(log, `lastbyte: the http.Server on ":8080\n" was never attached, call Lifecycle.Serve, or Lifecycle.Attach`) {
			t.Errorf("Logs() = %q, want one line that names the call", log)
		}
	})
}

// A Lifecycle with a logger says it there, in a line with the fields of the request,
// whatever the logger does.
func TestLifecycle_UnattachedInItsLog(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		for name, act := range misdeeds {
			var log locked
			life := newLife(t, middleware.Options{Logger: zerolog.New(writer(func(b []byte) (int, error) {
				_, _ = log.Write(b)
				if strings.Contains(string(b), "never attached") {
					act()
				}
				return len(b), nil
			}))})
			s := pipenet.Start(t, p, m.wrap(life, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
			for range 2 {
				get(t, s, "/path")
			}
			synctest.Wait()
			all := strings.Split(strings.TrimSpace(log.String()), "\n")
			if len(all) != 3 || !strings.Contains(all[0], `"level":"error","method":"GET","path":"/path"`) || !strings.Contains(all[0], "never attached") {
				t.Errorf("%s: log %q, want the line that names the call, and two of requests", name, all)
			}
			if got := s.Logs(); strings.Contains(got, "attached") {
				t.Errorf("%s: ErrorLog %q, want nothing of that", name, got)
			}
		}
	})
}
