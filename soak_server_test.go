package lastbyte_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/thread"
)

// routes serves most handlers twice: under /d they are detached.
func (s *soak) routes() http.Handler {
	r := chi.NewRouter()
	r.Use(s.arrive, s.life.Handler, s.name)
	both := func(r chi.Router) {
		r.Post("/echo/{id}", s.echo)
		r.Post("/upload/{id}", s.upload)
		r.Get("/threads/{id}", s.threads)
		r.Get("/tasks/{id}", s.tasks)
		r.Post("/exit/{id}", s.exit)
		r.Get("/throw/{id}", func(_ http.ResponseWriter, r *http.Request) { exitcode.Throw(r.Context(), 404) })
		r.Post("/panic/{id}", func(http.ResponseWriter, *http.Request) { panic(errSoak) })
		r.Get("/wait/{id}", s.wait)
	}
	r.Group(both)
	r.Route("/d", func(r chi.Router) {
		r.Group(func(r chi.Router) {
			r.Use(s.life.Detach)
			both(r)
			r.HandleFunc("/send/{id}", s.send)
			r.Get("/race/{id}", s.race)
			r.Get("/short/{id}", s.short)
		})
		r.With(chimiddleware.Compress(5), s.life.Detach).Get("/zip/{id}", s.send)
	})
	return r
}

var errSoak = errors.New("on purpose")

// arrive counts outside of lastbyte.
func (s *soak) arrive(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.arrived.Add(1)
		next.ServeHTTP(w, r)
	})
}

type nameKey struct{}

// name gives the context values of the request's own: its name, and a logger.
func (s *soak) name(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("Id")
		ctx := context.WithValue(r.Context(), nameKey{}, id)
		logger := zerolog.New(s).With().Str("id", id).Logger()
		next.ServeHTTP(w, r.WithContext(logger.WithContext(ctx)))
	})
}

// own checks that all that the request knows of itself is still its own.
func (s *soak) own(when string, r *http.Request, id string) {
	s.ownContext(when, r.Context(), id)
	path := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	if h, p := r.Header.Get("Id"), r.PathValue("id"); path != id || h != id || p != id {
		s.wrong("%s of %s: path %q, header %q, PathValue %q", when, id, path, h, p)
	}
}

func (s *soak) ownContext(when string, ctx context.Context, id string) {
	param, name := chi.URLParamFromCtx(ctx, "id"), ctx.Value(nameKey{})
	if param != id || name != id {
		s.wrong("%s of %s: URLParam %q, context value %q", when, id, param, name)
	}
	zerolog.Ctx(ctx).Log().Str("of", id).Msg("mine")
}

// answers is what the handlers answer, lines of the request's name.
func answers(id string, lines int) string { return strings.Repeat(id+"\n", lines) }

// send answers, and works on until 64 others have done so.
func (s *soak) send(w http.ResponseWriter, r *http.Request) {
	ctx, h, id := r.Context(), w.Header(), strings.Clone(chi.URLParam(r, "id"))
	s.own("send", r, id)
	lines := 1
	fmt.Sscan(r.Header.Get("Lines"), &lines)
	h.Set("Content-Type", "text/plain")
	h.Set("Trailer", "Sum")
	h.Set("Id", id)
	io.WriteString(w, answers(id, lines))
	h.Set("Sum", id)
	s.sending(eof.Send(ctx), nil)
	s.rest(h)
	s.own("work after Send", r, id)
	if _, err := io.WriteString(w, "late"); !errors.Is(err, eof.ErrEnded) {
		s.wrong("Write after Send = %v", err)
	}
	s.alive(ctx, id)
	switch then := r.Header.Get("Then"); then {
	case "":
	case "panic":
		s.panics.Add(1)
		panic(errSoak)
	case "goexit":
		runtime.Goexit()
	case "exit":
		if err := exitcode.Exit(ctx, 500); !errors.Is(err, exitcode.ErrEnded) || ctx.Err() == nil {
			s.wrong("Exit after Send = %v, ctx.Err() = %v", err, ctx.Err())
		}
	case "task":
		s.deferTask(ctx, id, 0)
	case "thread":
		t, err := thread.Spawn(ctx, func(ctx context.Context) error {
			s.ownContext("thread after Send", ctx, id)
			return errSoak
		})
		if err == nil {
			err = t.Wait(context.Background())
		}
		if err != errSoak && !s.isForced() {
			s.wrong("thread after Send = %v", err)
		}
	}
}

// sending counts what became of Send.
func (s *soak) sending(err, want error) {
	if !errors.Is(err, want) {
		s.wrong("Send = %v, want %v", err, want)
	}
	if want == nil && err == nil || want == eof.ErrShortBody {
		s.sent.Add(1)
		s.handed.Add(1)
	}
}

// alive checks that only a forced shutdown ends the context of work after Send.
func (s *soak) alive(ctx context.Context, id string) {
	if err := ctx.Err(); err != nil && (!s.isForced() || context.Cause(ctx) != eof.ErrShuttingDown) {
		s.wrong("work of %s: ctx.Err() = %v, cause %v", id, err, context.Cause(ctx))
	}
}

// short declares more than it writes.
func (s *soak) short(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "100")
	io.WriteString(w, "short")
	s.sending(eof.Send(r.Context()), eof.ErrShortBody)
}

// race is for a client that leaves at any time.
func (s *soak) race(w http.ResponseWriter, r *http.Request) {
	id := strings.Clone(chi.URLParam(r, "id"))
	io.WriteString(w, answers(id, 100))
	switch err := eof.Send(r.Context()); {
	case err == nil:
		s.sending(nil, nil)
		s.own("race", r, id)
		s.alive(r.Context(), id)
	case errors.Is(err, eof.ErrClientAborted):
		s.perhaps.Add(1)
	default:
		s.wrong("Send = %v", err)
	}
}

// echo reads all of the body. If the client leaves in the middle of it, that is
// what the read says.
func (s *soak) echo(w http.ResponseWriter, r *http.Request) {
	id := strings.Clone(chi.URLParam(r, "id"))
	b, err := io.ReadAll(r.Body)
	if err != nil {
		if !errors.Is(err, abort.ErrClientAborted) || !errors.Is(err, io.ErrUnexpectedEOF) {
			s.wrong("reading the body of %s = %v, want the abort", id, err)
		}
		if detached(r) {
			s.perhaps.Add(1)
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
		defer r.MultipartForm.RemoveAll() // net/http does not know of the form of a middleware's copy
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
	for _, d := range []time.Duration{0, time.Millisecond, 0} {
		s.deferTask(ctx, id, d)
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
		if d == time.Hour && !eof.Premature(ctx) {
			s.wrong("the task of %s in an hour runs now, and is not premature", id)
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
	if detached(r) && mode != "nothing" {
		s.handed.Add(1)
	}
	s.own("wait", r, id)
}
