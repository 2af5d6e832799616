package stress_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/thread"
)

// echo reads all of the body. If the client leaves in the middle of it, that is
// what the read says.
func (s *soak) echo(w http.ResponseWriter, r *http.Request) {
	id := strings.Clone(chi.URLParam(r, "id"))
	b, err := io.ReadAll(r.Body)
	if err != nil {
		if !errors.Is(err, abort.ErrClientAborted) || !errors.Is(err, io.ErrUnexpectedEOF) {
			s.wrong("reading the body of %s = %v, want the abort", id, err)
		}
		return
	}
	s.own("echo", r, id)
	w.Write(b)
}

// upload parses a form with a file too large for memory. Detached, it answers
// and reads the file late.
func (s *soak) upload(w http.ResponseWriter, r *http.Request) {
	id := strings.Clone(chi.URLParam(r, "id"))
	if err := r.ParseMultipartForm(1); err != nil {
		s.wrong("ParseMultipartForm of %s = %v", id, err)
		return
	}
	io.WriteString(w, answers(id, 1))
	if detached(r) {
		s.sending(eof.Send(r.Context()), nil)
		s.rest(w.Header())
	} else {
		defer r.MultipartForm.RemoveAll() // net/http does not know of the form of chi's copy
	}
	s.own("upload", r, id)
	f, header, err := r.FormFile("file")
	if err != nil {
		s.wrong("FormFile of %s = %v", id, err)
		return
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil || !bytes.Equal(b, []byte(answers(id, 200))) || header.Filename != id || r.FormValue("field") != id {
		s.wrong("file of %s: name %q, %d bytes %.40q, %v, field %q", id, header.Filename, len(b), b, err, r.FormValue("field"))
	}
	if r.Header.Get("Then") == "panic" && detached(r) {
		s.panics.Add(1)
		panic(errSoak)
	}
}

func detached(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/d/") }

// threads ask one another.
func (s *soak) threads(w http.ResponseWriter, r *http.Request) {
	ctx, id := r.Context(), strings.Clone(chi.URLParam(r, "id"))
	var all []*thread.Thread
	for i := range 3 {
		t, err := thread.Spawn(ctx, func(ctx context.Context) error {
			s.ownContext("thread", ctx, id)
			switch i {
			case 0:
				return nil
			case 1:
				panic(errSoak)
			}
			<-ctx.Done()
			return context.Cause(ctx)
		})
		if err != nil {
			s.wrong("Spawn = %v", err)
			return
		}
		all = append(all, t)
	}
	first, err := thread.WaitAny(ctx, all...)
	all[2].Kill()
	second, third := all[1].Wait(ctx), all[2].Wait(ctx)
	var panicked *thread.PanicError
	if first == all[2] || err != nil && first != all[1] || !errors.As(second, &panicked) || third != thread.ErrKilled {
		s.wrong("threads of %s: the first %v; %v, %v", id, err, second, third)
	}
	io.WriteString(w, answers(id, 1))
}

// tasks leaves work for later.
func (s *soak) tasks(w http.ResponseWriter, r *http.Request) {
	ctx, id := r.Context(), strings.Clone(chi.URLParam(r, "id"))
	n := 0
	fmt.Sscan(r.Header.Get("Tasks"), &n)
	for i := range n {
		s.deferTask(ctx, id, time.Duration(i%2)*time.Millisecond)
	}
	if s.hours.Add(1) <= 20 { // they keep their places until the shutdown
		s.deferTask(ctx, id, time.Hour)
	}
	io.WriteString(w, answers(id, 1))
}

func (s *soak) deferTask(ctx context.Context, id string, d time.Duration) {
	panics := s.number.Add(1)%10 == 0
	err := eof.After(ctx, d, func(ctx context.Context) {
		s.ownContext("task", ctx, id)
		if d == time.Hour {
			if !eof.Premature(ctx) {
				s.wrong("the task of %s in an hour runs now, and is not premature", id)
			}
			s.rest(nil)
			s.ownContext("task at the shutdown", ctx, id)
			s.alive(ctx, id)
		}
		if panics {
			s.panics.Add(1)
			panic(errSoak)
		}
	})
	switch {
	case err == nil:
		s.accepted.Add(1)
	case errors.Is(err, eof.ErrTooManyPending), s.isForced() && errors.Is(err, eof.ErrShuttingDown):
		s.refused.Add(1)
	default:
		s.wrong("After(%v) = %v", d, err)
	}
}

// exit ends with the code that the client wants.
func (s *soak) exit(w http.ResponseWriter, r *http.Request) {
	code := 0
	fmt.Sscan(r.Header.Get("Code"), &code)
	if detached(r) {
		s.handed.Add(1) // at the Write below at the latest its response goes out
	}
	w.Header().Set("Id", chi.URLParam(r, "id"))
	if err := exitcode.Exit(r.Context(), exitcode.Code(code)); err != nil {
		s.wrong("Exit(%d) = %v", code, err)
	}
	if _, err := io.WriteString(w, "late"); !errors.Is(err, exitcode.ErrExited) {
		s.wrong("Write after Exit(%d) = %v", code, err)
	}
}

// wait is for a client that leaves once the handler has begun.
func (s *soak) wait(w http.ResponseWriter, r *http.Request) {
	s.leaving.Add(1)
	defer s.leaving.Done()
	ctx, id := r.Context(), strings.Clone(chi.URLParam(r, "id"))
	called := make(chan struct{})
	over := ctx.Done()
	mode := r.Header.Get("Callback")
	if mode != "" {
		if mode == "nothing" {
			over = called
		}
		err := abort.On(ctx, func(ctx context.Context) {
			defer close(called)
			s.ownContext("callback", ctx, id)
			if mode == "exit" {
				exitcode.Exit(ctx, exitcode.ClientClosedRequest)
			}
		})
		if err != nil {
			s.wrong("On = %v", err)
		}
	}
	if begun, ok := s.waiting.Load(id); ok {
		close(begun.(chan struct{}))
	}
	select {
	case <-over:
	case <-time.After(soakPatience):
		s.wrong("the client of %s has left, and nobody says so", id)
	}
	if e, ok := abort.Cause(ctx); !ok || mode == "" && context.Cause(ctx) != e {
		s.wrong("Cause of %s = %v, %v, the context's %v", id, e, ok, context.Cause(ctx))
	}
	if detached(r) && mode == "exit" {
		s.handed.Add(1)
	}
	s.own("wait", r, id)
}
