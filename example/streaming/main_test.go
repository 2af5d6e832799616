package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

// model says a token each second: as many as length, and then fails if it is broken.
type model struct {
	length int
	broken bool
}

func (m model) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for i := range m.length {
		select {
		case <-time.After(time.Second):
		case <-r.Context().Done():
			return
		}
		_, _ = fmt.Fprintf(w, "data: token %d\n\n", i+1)
		_ = http.NewResponseController(w).Flush()
	}
	if m.broken {
		panic(http.ErrAbortHandler)
	}
}

// eachProxy runs body with a proxy of m, over both protocols on both of its sides, inside
// of Handler and of Detach.
// The channel has the bill.
func eachProxy(t *testing.T, m model, body func(t *testing.T, reader, model *aborttest.Client, bill <-chan int64)) {
	for name, detach := range map[string]bool{"Handler": false, "Detach": true} {
		t.Run(name, func(t *testing.T) {
			p := &proxy{}
			aborttest.RunWith(t, aborttest.Options{Detach: detach}, exitcode.Handler(p.chat), func(t *testing.T, reader *aborttest.Client) {
				model := aborttest.Start(t, aborttest.Options{Protocols: []aborttest.Protocol{reader.Protocol()}}, m)
				bill := make(chan int64, 1)
				*p = proxy{model.HTTP(), model.URL(), func(_ context.Context, tokens int64) { bill <- tokens }}
				body(t, reader, model, bill)
			})
		})
	}
}

// The reader leaves, the model stops at once, and what was sent is billed.
func TestProxy_ReaderLeaves(t *testing.T) {
	eachProxy(t, model{length: 1000}, func(t *testing.T, reader, model *aborttest.Client, bill <-chan int64) {
		call := reader.Get("/chat")
		call.Body(3 * len("data: token 1\n\n"))
		call.Leave(aborttest.Timeout)
		if o := model.Calls()[0].Outcome(); o.Abort == nil || o.Duration != 3*time.Second {
			t.Errorf("the model's Outcome = %+v, want it to be left after 3s", o)
		}
		if o := call.Done(); o.Abort == nil || o.Abort.Stage != "response" || o.Status != 200 {
			t.Errorf("Outcome = %+v, want an abort in the middle of a 200", o)
		}
		if n := <-bill; n != 3 {
			t.Errorf("the bill is for %d tokens, want 3", n)
		}
		if log := call.Log(); !strings.Contains(log, "tokens=3") || strings.Contains(log, "ERROR") {
			t.Errorf("the log is\n%s\nwant tokens=3, and no error", log)
		}
	})
}

func TestProxy_Whole(t *testing.T) {
	eachProxy(t, model{length: 4}, func(t *testing.T, reader, _ *aborttest.Client, bill <-chan int64) {
		res := reader.Get("/chat").Response()
		if res.Err != nil || strings.Count(res.Body, "data: ") != 4 {
			t.Errorf("Response = %+v, want 4 tokens", res)
		}
		if n := <-bill; n != 4 {
			t.Errorf("the bill is for %d tokens, want 4", n)
		}
	})
}

// The model breaks off: its reader sees that the answer is not whole, and the log says why.
func TestProxy_ModelBreaks(t *testing.T) {
	eachProxy(t, model{length: 2, broken: true}, func(t *testing.T, reader, _ *aborttest.Client, bill <-chan int64) {
		call := reader.Get("/chat")
		if res := call.Response(); res.Err == nil {
			t.Errorf("Response = %+v, want an error: it is not whole", res)
		}
		if n := <-bill; n != 2 {
			t.Errorf("the bill is for %d tokens, want 2", n)
		}
		if o := call.Done(); o.Abort != nil {
			t.Errorf("Outcome = %+v, want no abort: the reader was there", o)
		}
		if log := call.Log(); !strings.Contains(log, "EOF") && !strings.Contains(log, "INTERNAL_ERROR") {
			t.Errorf("the log is\n%s\nwant it to say why", log)
		}
	})
}
