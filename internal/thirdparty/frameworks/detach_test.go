package thirdparty_test

import (
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/gin-gonic/gin"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// others is how many requests are at work at once beside the detached handler.
const others = 4

// overlap has a handler send its answer for /first and work on, then serves
// other requests at once. It reports whether one of those has the framework's
// context of the first. ids are what the first handler takes for its own
// parameter before and after.
func overlap(t *testing.T, p pipenet.Proto, put func(h func(call)) http.Handler) (shared bool, ids [2]string) {
	t.Helper()
	var first any
	contexts := make(chan any, others)
	over, resume, release := make(chan struct{}), make(chan struct{}), make(chan struct{})
	h := put(func(c call) {
		if first != nil {
			contexts <- c.self
			<-release
			_ = c.text(http.StatusOK, "other")
			return
		}
		first = c.self
		ids[0] = c.id()
		if err := c.text(http.StatusAccepted, "got the task!"); err != nil {
			t.Errorf("the answer: %v, want nil", err)
		}
		if err := eof.Send(c.ctx); err != nil {
			t.Errorf("Send() = %v, want nil", err)
		}
		<-resume
		if err := c.ctx.Err(); !shared && err != nil { // else it is another request's context
			t.Errorf("Err() = %v after Send, want nil", err)
		}
		ids[1] = c.id()
		close(over)
	})
	s := pipenet.Start(t, p, h)
	if status, body := get(s, "/first"); status != http.StatusAccepted || body != "got the task!" {
		t.Errorf("the answer is %d %q, want it at once", status, body)
	}
	synctest.Wait() // the engine has its context back, if it ever gets it early
	var calls []*pipenet.Call
	for range others {
		calls = append(calls, s.Begin(s.NewRequest("GET", "/other", nil)))
	}
	for range others {
		if <-contexts == first {
			shared = true
		}
	}
	close(resume)
	<-over
	close(release)
	for _, c := range calls {
		if res, err := c.Wait(); err != nil {
			t.Error(err)
		} else {
			res.Body.Close()
		}
	}
	return shared, ids
}

// Detach around the whole engine: the framework takes its context back when the
// handler has returned, not when the response has ended.
func TestDetach_AroundTheEngine(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, f framework) {
		life, ended := lifecycle(t)
		shared, ids := overlap(t, p, func(h func(call)) http.Handler { return life.Detach(f.serve(h)) })
		if shared {
			t.Error("another request has the context of a handler that is at work, want one of its own")
		}
		if want := [2]string{"first", "first"}; ids != want {
			t.Errorf("the parameter before and after Send is %q, want %q", ids, want)
		}
		if o := <-ended; o.Status != http.StatusAccepted || o.EOF == 0 {
			t.Errorf("Outcome = %+v, want 202 and EOF", o)
		}
	})
}

// The same by an adapter inside the engine is wrong, and nothing says so: the
// wrapper returns to the engine at Send, the engine recycles its context, and
// the handler works with another request's. If this fails the framework has
// changed, and the documentation of Detach may change, too.
func TestDetach_InsideAnAdapterIsWrong(t *testing.T) {
	if testkit.Race {
		t.Skip("it shows a race, and under the race detector sync.Pool forgets at random")
	}
	// What one processor has put into a sync.Pool another may not find.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	each(t, func(t *testing.T, p pipenet.Proto, f framework) {
		life, _ := lifecycle(t)
		shared, ids := overlap(t, p, func(h func(call)) http.Handler { return f.adapted(life.Detach, h) })
		if !shared || ids[0] != "first" || ids[1] == "first" {
			t.Errorf("shared = %t, the parameter before and after Send is %q: want that another request has the context", shared, ids)
		}
	})
}

// gin keeps the status of c.Status until something is written; Send completes
// the response before that, unless the handler says that it is to go out.
func TestSend_StatusOfGin(t *testing.T) {
	for _, c := range []struct {
		name string
		now  bool
		want int
	}{{"c.Status", false, 200}, {"WriteHeaderNow", true, 202}} {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				life, _ := lifecycle(t)
				s := pipenet.Start(t, p, life.Detach(newGin(func(k call) {
					g := k.self.(*gin.Context)
					g.Status(202)
					if c.now {
						g.Writer.WriteHeaderNow()
					}
					if err := eof.Send(k.ctx); err != nil {
						t.Errorf("Send() = %v, want nil", err)
					}
				})))
				if status, body := get(s, "/x"); status != c.want || body != "" {
					t.Errorf("the answer is %d %q, want %d without a body", status, body, c.want)
				}
			})
		})
	}
}
