package stress_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"

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

// send answers, and keeps running until 64 others have done so.
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
	case errors.Is(err, eof.ErrClientAborted): // ServeHTTP waits for this handler
	default:
		s.wrong("Send = %v", err)
	}
}
