package middleware_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// The writer at the end of Unwrap is as good as net/http's
// own one, which is there without lastbyte.
func TestWriter_UnwrapEndsLikeNetHTTP(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		h1 := p == pipenet.HTTP1
		s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			end := unwrapped(w)
			_, flusher := end.(http.Flusher)
			_, hijacker := end.(http.Hijacker)
			_, readerFrom := end.(io.ReaderFrom)
			_, pusher := end.(http.Pusher)
			_, stringer := end.(io.StringWriter)
			if !flusher || hijacker != h1 || readerFrom != h1 || pusher == h1 || !stringer {
				t.Errorf("the end has Flush %t, Hijack %t, ReadFrom %t, Push %t, WriteString %t, want those of net/http",
					flusher, hijacker, readerFrom, pusher, stringer)
			}
			rc := http.NewResponseController(end)
			for name, err := range map[string]error{
				"EnableFullDuplex": rc.EnableFullDuplex(), "SetReadDeadline": rc.SetReadDeadline(time.Time{}),
				"SetWriteDeadline": rc.SetWriteDeadline(time.Time{}), "Flush": rc.Flush(),
			} {
				if err != nil {
					t.Errorf("%s() = %v, want nil", name, err)
				}
			}
			end.(http.Flusher).Flush()
			io.WriteString(end, "done")
		})
		if status, text := get(t, s.Server, "/"); status != 200 || text != "done" {
			t.Errorf("answer = %d %q, want 200 done", status, text)
		}
	})
}
