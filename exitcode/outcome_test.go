package exitcode_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/rs/zerolog"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// A Lifecycle's Outcome says what was recorded and what was sent.
func TestX5_X6_X7_Outcome(t *testing.T) {
	h := func(w http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), pathCode(r)) }
	aborttest.Run(t, http.HandlerFunc(h), func(t *testing.T, c *aborttest.Client) {
		for _, rec := range recordedCodes {
			sent := rec.status
			if rec.dropped {
				sent = 0
			}
			o := c.Post(fmt.Sprintf("/%d", int(rec.code)), "text/plain", nil).Outcome() // a GET would be sent again
			if o.Status != rec.status || o.Sent != sent || !o.Exited || o.Exit != rec.code || o.Abort != nil || o.Panicked {
				t.Errorf("Exit(%d): outcome %+v, want status %d, sent %d, that exit, no abort or panic", int(rec.code), o, rec.status, sent)
			}
		}
		check(t, "Stats().Exits", c.Lifecycle().Stats().Exits, uint64(len(recordedCodes)))
	})
}

// What could not be sent is logged once, by the Lifecycle if it has a logger.
func TestX3_X4_HeaderSentIsLogged(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		for _, detach := range []bool{false, true} {
			var lines bytes.Buffer // written by one handler at a time
			life := middleware.New(middleware.Options{Logger: zerolog.New(&lines).Level(zerolog.ErrorLevel)})
			drains(t, life)
			in := life.Handler
			if detach {
				in = life.Detach
			}
			s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, "part")
				isErr(t, "Exit", exitcode.Exit(r.Context(), pathCode(r)), exitcode.ErrHeaderSent)
			})
			for _, code := range []string{"503", "777"} {
				s.get("/"+code).is(t, code, 200, "part")
				synctest.Wait()
				got := testkit.LogBut(lines.String())
				lines.Reset()
				if bytes.Count([]byte(got), []byte("\n")) != 1 || !bytes.Contains([]byte(got), []byte(code)) ||
					!bytes.Contains([]byte(got), []byte("200")) {
					t.Errorf("detach %t: the Lifecycle logged %q, want one line with 200 and %s", detach, got, code)
				}
			}
			check(t, "ErrorLog beside it", s.Logs(), "")
		}
	})
}
