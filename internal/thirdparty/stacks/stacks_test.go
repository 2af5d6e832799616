package thirdparty_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// place is where neighbours stand.
type place struct {
	name           string
	inside, detach bool // the handler that ends the request sees the neighbours' writer; it may Send
	put            func(l *middleware.Lifecycle, n around, h http.Handler) http.Handler
}

var pass = exitcode.Phase(func(http.ResponseWriter, *http.Request) exitcode.Code { return exitcode.OK })

var places = []place{
	{"outside Handler", false, false, func(l *middleware.Lifecycle, n around, h http.Handler) http.Handler { return n(l.Handler(h)) }},
	{"outside Detach", false, true, func(l *middleware.Lifecycle, n around, h http.Handler) http.Handler { return n(l.Detach(h)) }},
	{"between Handler and Phase", false, false, func(l *middleware.Lifecycle, n around, h http.Handler) http.Handler { return l.Handler(n(pass(h))) }},
	{"between Handler and Detach", false, true, func(l *middleware.Lifecycle, n around, h http.Handler) http.Handler { return l.Handler(n(l.Detach(h))) }},
	{"inside Handler", true, false, func(l *middleware.Lifecycle, n around, h http.Handler) http.Handler { return l.Handler(n(h)) }},
	{"inside Detach", true, true, func(l *middleware.Lifecycle, n around, h http.Handler) http.Handler { return l.Detach(n(h)) }},
}

// answer is what a client got.
type answer struct {
	status int // 0: none
	header http.Header
	body   string // decoded
	whole  bool   // it came to its end in good order
	broken error  // it came to its end in good order, and cannot be decoded
}

func (a answer) String() string {
	s := fmt.Sprintf("%d, %d bytes", a.status, len(a.body))
	if a.status == 0 {
		s = "none"
	}
	if len(a.body) < 100 {
		s = fmt.Sprintf("%d %q", a.status, a.body)
	}
	if !a.whole {
		s += ", cut"
	}
	if a.broken != nil {
		s += fmt.Sprintf(", whole but %v", a.broken)
	}
	return s
}

// ask sends a GET as browsers do.
func ask(s *pipenet.Server) (a answer) {
	req := s.NewRequest("GET", "/", nil)
	req.Header.Set("Accept-Encoding", "gzip")
	req.Header.Set("Origin", "http://example.org")
	res, err := s.Do(req)
	if err != nil {
		return a
	}
	defer res.Body.Close()
	a.status, a.header = res.StatusCode, res.Header
	raw, err := io.ReadAll(res.Body)
	a.whole = err == nil
	a.body = string(raw)
	if res.Header.Get("Content-Encoding") != "gzip" {
		return a
	}
	zr, err := gzip.NewReader(bytes.NewReader(raw))
	if err == nil {
		raw, err = io.ReadAll(zr)
		a.body = string(raw)
	}
	switch {
	case err != nil && a.whole && (len(a.body) > 0 || hasBody(res)):
		a.broken = err
	case err != nil:
		a.body = ""
	}
	return a
}

// hasBody is false where Content-Encoding says nothing of a body.
func hasBody(res *http.Response) bool {
	return res.StatusCode != 204 && res.StatusCode != 304 && res.ContentLength != 0
}

// outcome is what a request came to.
type outcome struct {
	answer
	middleware.Outcome
	noted, count int
}

// serve asks once for e at a place, where is nil without lastbyte.
func serve(t *testing.T, p pipenet.Proto, at *place, all []neighbour, e ending) (o outcome) {
	ended, resume := make(chan middleware.Outcome, 4), make(chan struct{})
	taken := new(notes)
	stack := func(h http.Handler) http.Handler {
		for i := len(all) - 1; i >= 0; i-- {
			h = all[i].put(taken)(h)
		}
		return h
	}
	var h http.Handler
	if at == nil {
		h = stack(http.HandlerFunc(e.same))
		s := pipenet.Start(t, p, h)
		o.answer = ask(s)
	} else {
		life := middleware.New(middleware.Options{
			OnEnd:      func(_ *http.Request, o middleware.Outcome) { ended <- o },
			Background: eof.Options{OnPanic: func(any, []byte) {}},
		})
		h = at.put(life, stack, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			e.do(w, r)
			if e.sends {
				<-resume
			}
		}))
		s := pipenet.Start(t, p, h, life.Attach)
		o.answer = ask(s)
		close(resume)
		o.Outcome = <-ended
		defer life.Shutdown(context.Background())
	}
	synctest.Wait()
	o.noted, o.count = taken.last()
	return o
}

// problems says what is wrong with got, where want is what net/http comes to
// without lastbyte for a handler that does the same.
func problems(at place, all []neighbour, e ending, got, want outcome) (wrong []string) {
	say := func(format string, a ...any) { wrong = append(wrong, fmt.Sprintf(format, a...)) }
	var records, holds, watches bool
	var sets []string
	for _, n := range all {
		records, holds, watches = records || n.records, holds || n.holds, watches || n.watches
		if !at.inside || n.early && !(at.detach && e.thread) {
			sets = append(sets, n.sets...)
		}
	}
	if at.inside && e.sends && holds {
		return nil // what the neighbour holds comes after Send; lastbyte logs that it is dropped
	}
	if !strings.HasPrefix(at.name, "outside") && e.late && watches && e.same != nil {
		return nil // an exit ends the context, and what the handler has written is gone
	}
	if got.broken != nil {
		say("a body that looks complete cannot be decoded: %v", got.answer)
	}
	free := at.inside && e.late // the neighbour may have held the bytes back: then a page is right
	status := want.answer.status
	switch {
	case e.same == nil:
		status = e.status
		if got.whole || got.answer.status != 0 && !e.cut {
			say("a drop gives %v, want none, or a cut one after a Flush", got.answer)
		}
	case !want.whole:
		if got.whole {
			say("got %v, want %v", got.answer, want.answer)
		}
		return wrong
	case free && got.whole:
		status = got.answer.status
		stands := status == want.answer.status && got.body == want.body
		pages := status >= 300 && strings.HasPrefix(got.body, fmt.Sprint(status))
		if !stands && !pages {
			say("got %v, want %v, or a page", got.answer, want.answer)
		}
	case free: // cut, and the client knows
	case !got.whole || got.answer.status != want.answer.status || got.body != want.body:
		say("got %v, want %v", got.answer, want.answer)
	}
	if status != 0 && got.Outcome.Status != status && !e.panics {
		say("recorded is %d, want %d", got.Outcome.Status, status)
	}
	if records && !at.inside {
		if e.same != nil {
			status = want.noted
		}
		if status != 0 && got.noted != status || got.count != 1 {
			say("a neighbour has noted %d, %d times, want %d", got.noted, got.count, status)
		}
	}
	if free || !got.whole || e.same == nil {
		return wrong
	}
	if enc := want.header.Get("Content-Encoding"); !at.inside && enc != "" && want.body != "" && got.header.Get("Content-Encoding") != enc {
		say("the answer is not encoded: %v", got.header)
	}
	for _, k := range sets {
		if want.header.Get(k) != "" && got.header.Get(k) == "" {
			say("the answer has no %s: %v", k, got.header)
		}
	}
	return wrong
}

// check runs one row, in a bubble of its own.
func check(t *testing.T, at place, all []neighbour, e ending) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		var want outcome
		if e.same != nil {
			want = serve(t, p, nil, all, e)
		}
		got := serve(t, p, &at, all, e)
		wrong := problems(at, all, e, got, want)
		if len(wrong) > 0 {
			t.Error(strings.Join(wrong, "\n\t"))
		}
	})
}

// TestStacks: a middleware sees the same, and does the same to a response,
// whether a handler has written that or lastbyte has ended the request with it.
func TestStacks(t *testing.T) {
	for _, n := range neighbours {
		t.Run(n.name, func(t *testing.T) {
			for _, at := range places {
				t.Run(at.name, func(t *testing.T) {
					for _, e := range endings {
						if e.sends && !at.detach {
							continue
						}
						t.Run(e.name, func(t *testing.T) { check(t, at, []neighbour{n}, e) })
					}
				})
			}
		})
	}
}
