//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package abort_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
)

// A deadline that has passed has ended net/http's context, also where the
// handler lifts it before anybody looks why.
func TestN3_DeadlinePassedAndLifted(t *testing.T) {
	for _, l := range links {
		for _, m := range mounts {
			t.Run(l.name+" "+m.name, func(t *testing.T) {
				s := open(t, l, m, abort.Options{}, func(s *site) http.HandlerFunc {
					return func(w http.ResponseWriter, r *http.Request) {
						rc := http.NewResponseController(w)
						set := rc.SetReadDeadline
						if l.h2 {
							set = rc.SetWriteDeadline
						}
						set(longAgo)
						waits(t, outer(r.Context()))
						set(time.Time{})
						if _, err := s.register(r.Context()); err != nil && !l.h2 {
							t.Errorf("On() = %v, want nil", err)
						}
						if e, ok := abort.Cause(r.Context()); ok {
							t.Errorf("Cause() = %v, want none", e)
						}
						io.WriteString(w, "answer")
					}
				})
				g := s.guest(t)
				g.begin(t, "GET", "/", nil)
				g.answer(t)
				if o := s.outcome(t, 0); o.Abort != nil {
					t.Errorf("Outcome.Abort = %v, want nil", o.Abort)
				}
			})
		}
	}
}
