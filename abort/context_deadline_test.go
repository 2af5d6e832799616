package abort_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
)

// Without Detach the outer deadline is seen; with it there is none, so that a
// child's own timeout survives Send.
func TestContext_Deadline(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		type deadline struct {
			at time.Time
			ok bool
		}
		got, begin := make(chan deadline, 1), time.Now()
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			at, ok := r.Context().Deadline()
			got <- deadline{at, ok}
		}, func(srv *http.Server) { srv.Handler = middleware.Timeout(time.Minute)(srv.Handler) })
		s.Get("/").Response()
		want := deadline{begin.Add(time.Minute), true}
		if m.name == "detach" {
			want = deadline{}
		}
		if d := take(t, got, "deadline"); d.ok != want.ok || !d.at.Equal(want.at) {
			t.Errorf("Deadline() = %v, %v, want %v, %v", d.at, d.ok, want.at, want.ok)
		}
	})
}

func TestContext_Send_LiftsTheOuterDeadline(t *testing.T) {
	run(t, func(t *testing.T, p aborttest.Protocol) {
		ends := make(chan end, 2)
		s := start(t, p, mounts[1], func(w http.ResponseWriter, r *http.Request) {
			begin := time.Now()
			child, cancel := context.WithTimeout(r.Context(), time.Hour)
			defer cancel()
			io.WriteString(w, "all of it")
			if err := eof.Send(r.Context()); err != nil {
				t.Errorf("Send() = %v, want nil", err)
			}
			<-child.Done()
			ends <- end{child.Err(), context.Cause(child), time.Since(begin)}
			ends <- end{r.Context().Err(), context.Cause(r.Context()), 0}
		}, func(srv *http.Server) { srv.Handler = middleware.Timeout(time.Minute)(srv.Handler) })
		if r := s.Get("/").Response(); r.Status != 200 || r.Body != "all of it" || r.Err != nil {
			t.Errorf("answer = %+v, want 200, all of it", r)
		}
		time.Sleep(time.Hour)
		if e := take(t, ends, "the child's end"); e.err != context.DeadlineExceeded || e.cause != context.DeadlineExceeded || e.at != time.Hour {
			t.Errorf("child ends with %v, %v after %v, want its own deadline after 1h", e.err, e.cause, e.at)
		}
		if e := take(t, ends, "the request's context"); e.err != nil || e.cause != nil {
			t.Errorf("the request's Err, Cause = %v, %v, want nil twice", e.err, e.cause)
		}
	})
}

// Before Send the same child ends with the outer deadline, which Detach hides.
func TestContext_Detach_OuterDeadlineWorksByCancellation(t *testing.T) {
	run(t, func(t *testing.T, p aborttest.Protocol) {
		ends := make(chan end, 1)
		s := start(t, p, mounts[1], func(w http.ResponseWriter, r *http.Request) {
			begin := time.Now()
			child, cancel := context.WithTimeout(r.Context(), time.Hour)
			defer cancel()
			<-child.Done()
			ends <- end{child.Err(), context.Cause(child), time.Since(begin)}
		}, func(srv *http.Server) { srv.Handler = middleware.Timeout(time.Minute)(srv.Handler) })
		s.Get("/").Response()
		if e := take(t, ends, "the child's end"); e.err != context.DeadlineExceeded || !errors.Is(e.cause, context.DeadlineExceeded) || e.at != time.Minute {
			t.Errorf("child ends with %v, %v after %v, want the deadline after 1m", e.err, e.cause, e.at)
		}
	})
}
