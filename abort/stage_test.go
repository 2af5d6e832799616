package abort_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/thread"
)

type stageOf struct {
	name string
	body string // none, whole, half: the rest never comes
	want abort.Stage
	do   http.HandlerFunc
}

// stages are how far handlers get before their client leaves.
var stages = []stageOf{
	{"nothing", "none", abort.StageHandler, func(http.ResponseWriter, *http.Request) {}},
	{"informational", "none", abort.StageHandler, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusProcessing)
	}},
	{"header set", "none", abort.StageHandler, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-A", "b") }},
	{"status said", "none", abort.StageResponse, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }},
	{"flush", "none", abort.StageResponse, func(w http.ResponseWriter, _ *http.Request) { flush(w) }},
	{"byte written", "none", abort.StageResponse, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") }},
	{"stuck in a Write", "none", abort.StageResponse, func(w http.ResponseWriter, _ *http.Request) {
		for err := error(nil); err == nil; {
			_, err = w.Write(make([]byte, 64<<10))
		}
	}},
	{"body read to its end", "whole", abort.StageHandler, func(_ http.ResponseWriter, r *http.Request) { io.ReadAll(r.Body) }},
	{"in a read", "half", abort.StageRequest, func(_ http.ResponseWriter, r *http.Request) { io.ReadAll(r.Body) }},
	{"in a read, informational", "half", abort.StageRequest, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		io.ReadAll(r.Body)
	}},
	{"in a read, header out", "half", abort.StageRequest, func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		flush(w)
		io.ReadAll(r.Body)
	}},
	{"a thread in a read", "half", abort.StageRequest, func(_ http.ResponseWriter, r *http.Request) {
		thread.Spawn(r.Context(), func(context.Context) error { _, err := io.ReadAll(r.Body); return err })
	}},
}

// The stage is that of the moment at which the abort is noticed, whoever notices it.
func TestA17_Stage(t *testing.T) {
	for _, st := range stages {
		for _, how := range []aborttest.Way{aborttest.Timeout, aborttest.Close, aborttest.Reset} {
			t.Run(st.name+", "+string(how), func(t *testing.T) {
				each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
					for _, callback := range []bool{false, true} {
						stage(t, p, m, how, st, callback)
					}
				})
			})
		}
	}
}

func stage(t *testing.T, p aborttest.Protocol, m mount, how aborttest.Way, st stageOf, callback bool) {
	t.Helper()
	begun := make(chan struct{}, 1)
	s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
		gone := r.Context().Done()
		if callback {
			called := make(chan struct{})
			abort.On(r.Context(), func(context.Context) { close(called) })
			gone = called
		}
		begun <- struct{}{}
		st.do(w, r)
		<-gone
	})
	body := map[string]io.Reader{"whole": strings.NewReader("hello"), "half": aborttest.StallAfter(strings.NewReader("half of"))}[st.body]
	go s.HTTP().Do(s.NewRequest("POST", "/", body)) // and reads nothing of the response
	take(t, begun, "request")
	call := last(s)
	call.Leave(how)
	o := ended(t, call)
	if o.Abort == nil || o.Abort.Stage != st.want {
		t.Errorf("callback %t: abort = %+v, want one at stage %q", callback, o.Abort, st.want)
	}
	if out := o.Sent != 0; out != (st.want == abort.StageResponse) && st.want != abort.StageRequest {
		t.Errorf("callback %t: Sent = %d at stage %q, want a status if and only if the header is out", callback, o.Sent, st.want)
	}
}
