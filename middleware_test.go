package lastbyte_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

func TestComposed_Answers(t *testing.T) {
	composed(t, func(t *testing.T, a *app, s setup) {
		for _, want := range []struct {
			path    string
			status  int // 0: dropped
			text    string
			outcome int
			logged  int // by a logger around lastbyte
		}{
			{"/hello", 200, long, 200, 200},
			{"/phase", 401, "401 Unauthorized\n", 401, 401},
			{"/filter", 200, "filtered", 200, 200},
			{"/threads", 200, "[1 2 3]", 200, 200},
			{"/throw", 404, "404 Not Found\n", 404, 404},
			{"/panic", 500, "", 500, 500},
			{"/none", 404, "404 page not found\n", 404, 404},
			{"/drop", 0, "", 444, 444}, // the last: Go's client may send it again on a new connection
		} {
			res, text, err := a.get(t, want.path)
			switch {
			case want.status == 0:
				if err == nil {
					t.Errorf("%s: answer = %s %q, want none", want.path, res.Status, text)
				}
			case err != nil || res.StatusCode != want.status || text != want.text:
				t.Errorf("%s: answer = %v, %d bytes, %v, want %d, %d bytes", want.path, res, len(text), err, want.status, len(want.text))
			case want.path == "/hello" && !res.Uncompressed:
				t.Errorf("%s: the answer came as it is, want it compressed", want.path)
			case want.path == "/filter" && res.Header.Get("Filtered") != "200":
				t.Errorf("%s: Filtered = %q, want 200", want.path, res.Header.Get("Filtered"))
			}
			if o := await(t, a.ended, want.path+": OnEnd"); o.Status != want.outcome || o.Abort != nil {
				t.Errorf("%s: Outcome = %+v, want %d, no abort", want.path, o, want.outcome)
			}
			e := await(t, a.logged, want.path+": log entry")
			if s.around && (e.status != want.logged || e.id == "" || want.path != "/none" && e.route != want.path) {
				t.Errorf("%s: chi's Logger sees %+v, want %d, an id, the route", want.path, e, want.logged)
			}
		}
	})
}

func TestComposed_ClientLeaves(t *testing.T) {
	composed(t, func(t *testing.T, a *app, s setup) {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		req, err := http.NewRequestWithContext(ctx, "GET", a.URL+"/report", nil)
		if err != nil {
			t.Fatal(err)
		}
		left := make(chan error, 1)
		go func() {
			res, err := a.Client().Do(req)
			if err == nil {
				res.Body.Close()
			}
			left <- err
		}()
		await(t, a.begun, "request")
		leave()
		if err := await(t, left, "the client's error"); !errors.Is(err, context.Canceled) {
			t.Errorf("Do() = %v, want %v", err, context.Canceled)
		}
		want := map[bool]abort.Reason{false: abort.Closed, true: abort.StreamReset}[s.secure]
		if got := await(t, a.called, "callback"); got != want {
			t.Errorf("reason = %q, want %q", got, want)
		}
		if code, ok := exitcode.Of(await(t, a.cause, "cause")); !ok || code != exitcode.ClientClosedRequest {
			t.Errorf("cause carries %v, %v, want the callback's exit", code, ok)
		}
		if o := await(t, a.ended, "OnEnd"); o.Status != 499 || o.Sent != 0 || o.Abort == nil || o.Abort.Reason != want {
			t.Errorf("Outcome = %+v, want 499, nothing sent, the abort", o)
		}
		if e := await(t, a.logged, "log entry"); s.around && (e.status != 499 || e.route != "/report") {
			t.Errorf("chi's Logger sees %+v, want 499 of /report", e)
		}
		if res, text, err := a.get(t, "/hello"); err != nil || text != long {
			t.Errorf("the next answer = %v, %d bytes, %v, want a whole one", res, len(text), err)
		}
		if len(a.called) != 0 {
			t.Error("the callback ran twice, want once")
		}
	})
}

func TestComposed_SendAndDefer(t *testing.T) {
	composed(t, func(t *testing.T, a *app, s setup) {
		res, text, err := a.get(t, "/tasks/7")
		if err != nil || res.StatusCode != 200 || text != long || !res.Uncompressed {
			t.Fatalf("answer = %v, %d bytes, %v, want 200, %d, compressed", res, len(text), err, len(long))
		}
		if o := await(t, a.ended, "OnEnd"); o.EOF == 0 || o.Status != 200 {
			t.Errorf("Outcome = %+v, want 200 ended by Send", o)
		}
		if e := await(t, a.logged, "log entry"); e.status != 200 || e.route != "/tasks/{id}" {
			t.Errorf("chi's Logger sees %+v, want 200 of /tasks/{id}", e)
		}
		if id := await(t, a.tasks, "deferred task"); id != "7" {
			t.Errorf("URLParam in the task = %q, want 7", id)
		}
		for range 3 { // while the handler is at work, the connection and chi's pool go on
			if _, text, err := a.get(t, "/threads"); text != "[1 2 3]" || err != nil {
				t.Errorf("the next answer = %q, %v, want [1 2 3]", text, err)
			}
		}
		if st := a.life.Stats(); st.Background.Detached != 1 || st.EOFs != 1 {
			t.Errorf("Stats() = %+v, want one handler at work after Send", st)
		}
		close(a.resume)
		if err := await(t, a.worked, "work"); err != nil {
			t.Errorf("Send, Err after it = %v, want nil twice", err)
		}
	})
}
