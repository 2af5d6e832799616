package thirdparty_test

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

func asOutside(next http.Handler) http.Handler { return next }

// A Throw in a singleflight call arrives wrapped in singleflight's own error, and
// is a Throw all the same. Who waits for the same call gets the panic, too, but
// has not exited: that response is cut off. Neither is a panic of the program.
func TestSingleflight_Throw(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, at place) {
		var group singleflight.Group
		s := start(t, p, at, asOutside, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, err, _ := group.Do("key", func() (any, error) {
				time.Sleep(time.Second)
				exitcode.Throw(r.Context(), http.StatusServiceUnavailable)
				return nil, nil
			})
			t.Errorf("Do() = %v, want no return", err)
		}))
		first := s.Begin(s.NewRequest("GET", "/first", nil))
		synctest.Wait() // it has begun the flight
		second := s.Begin(s.NewRequest("GET", "/second", nil))
		read(first.Wait()).is(t, "who has thrown", 503, "503 Service Unavailable\n")
		if a := read(second.Wait()); a.err == nil {
			t.Errorf("who has waited: got %d %q, want an error", a.status, a.body)
		}
		cut := 0
		for range 2 {
			o := take(t, s.ended, "OnEnd")
			if o.Panicked || o.Cut == o.Exited {
				t.Errorf("Outcome = %+v, want one that exited or was cut, and no panic", o)
			}
			if o.Cut {
				cut++
			}
		}
		if cut != 1 {
			t.Errorf("%d responses were cut, want 1", cut)
		}
	})
}

// An error is what a shared function should end with.
func TestErrgroup_Exit(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, at place) {
		s := start(t, p, at, asOutside, exitcode.Handler(func(w http.ResponseWriter, r *http.Request) error {
			group, ctx := errgroup.WithContext(r.Context())
			group.Go(func() error { return exitcode.Code(http.StatusServiceUnavailable).Err() })
			group.Go(func() error { <-ctx.Done(); return ctx.Err() })
			if err := group.Wait(); err != nil {
				return err
			}
			_, err := io.WriteString(w, "too good")
			return err
		}))
		s.get("/").is(t, "answer", 503, "503 Service Unavailable\n")
		if o := take(t, s.ended, "OnEnd"); o.Panicked || o.Cut || !o.Exited {
			t.Errorf("Outcome = %+v, want an exit alone", o)
		}
	})
}
