package abort_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/aborttest"
)

// As the header goes out net/http reads what the handler has left of the body. If
// the server's ReadTimeout has passed by then, it ends its context as if the client
// had left, and no call of the handler's says why.
func TestN3_ReadTimeout_BodyLeftUnread(t *testing.T) {
	for name, limit := range map[string]func(*http.Server){
		"ReadTimeout":              func(srv *http.Server) { srv.ReadTimeout = time.Second },
		"with a ReadHeaderTimeout": func(srv *http.Server) { srv.ReadTimeout, srv.ReadHeaderTimeout = time.Second, time.Minute },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
				if p != aborttest.HTTP1 {
					return
				}
				for _, on := range []bool{false, true} {
					causes := make(chan error, 1)
					s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
						if on {
							never(t, r.Context())
						}
						time.Sleep(2 * time.Second)
						_, _ = w.Write(make([]byte, 5000))
						causes <- context.Cause(r.Context())
					}, limit)
					c := s.Dial()
					_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 10\r\n\r\nhalf ")
					_, _ = io.Copy(io.Discard, c)
					if err := take(t, causes, "cause"); err != context.Canceled {
						t.Errorf("Cause() = %v, want %v as in net/http", err, context.Canceled)
					}
					stayed(t, s, 200)
				}
			})
		})
	}
}
