package exitcode_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// An http.TimeoutHandler between two lastbyte middlewares gives up when the exit
// cancels the context, with a 503 of its own. The exit's response goes out all
// the same.
func TestX3_TimeoutHandlerBetween(t *testing.T) {
	none := func(h http.Handler) http.Handler { return h }
	for _, between := range []struct {
		name string
		put  wrap
	}{{"alone", none}, {"and a recorder", func(h http.Handler) http.Handler { return record(make(chan int, 100), h) }}} {
		t.Run(between.name, func(t *testing.T) {
			for _, c := range []struct {
				code exitcode.Code
				body string
			}{{403, "403 Forbidden\n"}, {503, "503 Service Unavailable\n"}, {200, ""}, {204, ""}} {
				run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
					h := in(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if r.URL.Path == "/writes" {
							w.Header().Set("X-Handler", "1")
						}
						isErr(t, "Exit", exitcode.Exit(r.Context(), c.code), nil)
						<-r.Context().Done()
						_, err := io.WriteString(w, "too late")
						isErr(t, "Write", err, exitcode.ErrExited)
					}))
					h = http.TimeoutHandler(between.put(h), time.Minute, "too slow")
					s := start(t, p, exitcode.New(exitcode.Options{}), h.ServeHTTP)
					for _, path := range []string{"/", "/writes"} {
						s.get(path).is(t, path, int(c.code), c.body)
					}
				})
			}
		})
	}
}
