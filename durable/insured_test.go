//go:build unix

package durable_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/durable"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// The handler does the work itself after the response, with what it has in its hands. If
// the process dies meanwhile, River does it. If it lives, River has nothing to do.
func TestD9_Insured(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		c := newChild(t, url)
		for n := range 20 {
			post(t, c, "/insured/", n)
		}
		ran := c.drained(time.Minute)
		if len(ran) != 20 {
			t.Errorf("%d tasks ran, want 20", len(ran))
		}
		for n, times := range ran {
			if times != 1 {
				t.Errorf("task %d ran %d times, want once", n, times)
			}
		}
	})
}

func TestD9_Kill(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		told := kills(t, url, testkit.Rounds(2, 20), func(n int) string { return fmt.Sprint("/insured/", n) })
		ran := newChild(t, url, nameEnv+"=killed").drained(time.Minute)
		lost, twice := compared(told, ran)
		t.Logf("%d tasks, of which clients were told of %d: %d lost; ran more than once: %d", len(ran), len(told), len(lost), twice[0]+twice[1])
		if len(lost) > 0 {
			t.Errorf("lost: %v", lost)
		}
	})
}

// A task whose work fails in the handler is River's when the lease is over.
func TestD9_FailedWork(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		c := newChild(t, url)
		res, err := http.Post(c.url+"/insured/7?fail", "", nil)
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("POST = %v, %v, want 200", res, err)
		}
		res.Body.Close()
		if ran := c.drained(time.Minute); ran[7] != 1 {
			t.Errorf("the task ran %d times, want once, by River", ran[7])
		}
	})
}

// The client has its whole response while the work goes on, and the task is gone after it.
func TestD9_Response(t *testing.T) {
	eachRequest(t, func(t *testing.T, e *durable.Engine, o aborttest.Options) {
		o.Detach = true
		work := make(chan struct{})
		c := aborttest.ServerWith(t, o, exitcode.Handler(func(w http.ResponseWriter, r *http.Request) error {
			job, err := e.Insert(r.Context(), task{}, &river.InsertOpts{ScheduledAt: time.Now().Add(time.Minute)})
			if err != nil {
				return err
			}
			io.WriteString(w, "got the task!")
			if err := eof.Send(r.Context()); err != nil {
				return err
			}
			<-work
			_, err = e.JobDelete(r.Context(), job.Job.ID)
			return err
		}))
		call := c.Post("/", "", nil)
		if res := call.Response(); res.Status != 200 || res.Body != "got the task!" || res.Err != nil {
			t.Errorf("the response is %+v, want 200 and all of it", res)
		}
		if n := count(t, e, "scheduled"); n != 1 {
			t.Errorf("%d tasks are insured, want 1", n)
		}
		close(work)
		call.Done()
		if n := count(t, e, ""); n != 0 {
			t.Errorf("%d tasks are left, want none", n)
		}
	})
}
