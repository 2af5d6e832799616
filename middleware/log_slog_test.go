package middleware_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"

	"github.com/rs/zerolog"
)

// jsonSlog is a slog.Logger that writes what zerolog would write.
func jsonSlog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case len(groups) > 0:
		case a.Key == slog.TimeKey:
			return slog.Attr{}
		case a.Key == slog.LevelKey:
			return slog.String("level", strings.ToLower(a.Value.String()))
		case a.Key == slog.MessageKey:
			a.Key = "message"
		}
		return a
	}}))
}

// eachLogger runs body with a Lifecycle that logs by zerolog, and one that logs by
// log/slog.
func eachLogger(t *testing.T, o middleware.Options, body func(t *testing.T, p pipenet.Proto, m mount, life *middleware.Lifecycle, log *lines)) {
	t.Helper()
	for _, name := range []string{"zerolog", "slog"} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, p pipenet.Proto, m mount) {
				log, o := new(lines), o
				if name == "slog" {
					o.Slog = jsonSlog(log)
				} else {
					o.Logger = zerolog.New(log)
				}
				body(t, p, m, newLife(t, o), log)
			})
		})
	}
}

// Both loggers write the same fields, attributes included.
func TestLog_SameFieldsWhicheverLogger(t *testing.T) {
	want := map[string]any{
		"status": 201., "sent": 201., "size": 5., "rows": 7., "ok": true, "share": 0.5,
		"tenant": map[string]any{"name": "a \"b\"\n", "id": 1.}, "who": "me", "failure": "EOF", "at": "2000-01-01T00:00:02Z", "list": []any{1., 2.},
		"big": float64(1 << 40), "opened": 3., "nothing": nil,
	}
	eachLogger(t, middleware.Options{}, func(t *testing.T, p pipenet.Proto, m mount, life *middleware.Lifecycle, log *lines) {
		r := chi.NewRouter()
		r.Use(chimiddleware.RequestID)
		r.With(func(h http.Handler) http.Handler { return m.wrap(life, h) }).Get("/item/{id}", func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(2 * time.Second)
			middleware.SetAttrs(r.Context(), slog.Int("rows", 7), slog.Bool("ok", true), slog.Float64("share", 0.5),
				slog.Group("tenant", "name", "a \"b\"\n", "id", 1), slog.Any("who", valuer{}), slog.Any("failure", io.EOF),
				slog.Time("at", time.Now().UTC()), slog.Any("list", []int{1, 2}), slog.Group("empty"),
				slog.Uint64("big", 1<<40), slog.Group("", slog.Int("opened", 3)), slog.Any("nothing", nil))
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, "hello")
		})
		s := pipenet.Start(t, p, r)
		req := s.NewRequest("GET", "/item/7", nil)
		req.Header.Set("X-Request-Id", "the id")
		res, err := s.Do(req)
		answer(t, res, err)
		if got, want := log.take(t), fields(p, want); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("log = %v, want one line %v", got, want)
		}
	})
}

type valuer struct{}

func (valuer) LogValue() slog.Value { return slog.StringValue("me") }

// The level is error from status 500 on and for panics, else info.
func TestLog_Level(t *testing.T) {
	handlers := map[string]http.HandlerFunc{
		"info":  func(_ http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), 499) },
		"error": func(_ http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), 500) },
		"error after a panic": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(200)
			panic("on purpose")
		},
		"info after a break": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			eachLogger(t, middleware.Options{}, func(t *testing.T, p pipenet.Proto, m mount, life *middleware.Lifecycle, log *lines) {
				s := pipenet.Start(t, p, m.wrap(life, h))
				if res, err := s.Get("/"); err == nil {
					_, _ = io.Copy(io.Discard, res.Body) // it may be cut
					res.Body.Close()
				}
				level, _, _ := strings.Cut(name, " ")
				found := false
				for _, line := range log.take(t) {
					if line["message"] == "request" {
						found = true
						if line["level"] != level {
							t.Errorf("level of %v, want %s", line, level)
						}
					}
				}
				if !found {
					t.Error("there is no line of the request, want one")
				}
			})
		})
	}
}

// Every line of a request has the id that it came with, cut, and the pattern of the
// ServeMux, inside or outside: also those of its detached work and of its tasks.
func TestLog_RequestIDAndServeMuxInEveryLine(t *testing.T) {
	eachLogger(t, middleware.Options{}, func(t *testing.T, p pipenet.Proto, m mount, life *middleware.Lifecycle, log *lines) {
		mux := http.NewServeMux()
		mux.Handle("POST /item/{id}", m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("X-Request-Id", "another") // as it came is what counts
			if err := eof.Defer(r.Context(), func(context.Context) { panic("in a task") }); err != nil {
				t.Error(err)
			}
			exitcode.Exit(r.Context(), 400)
		})))
		s := pipenet.Start(t, p, mux)
		req := s.NewRequest("POST", "/item/7", nil)
		id := strings.Repeat("i", 127) + "\"" + "cut"
		req.Header.Set("X-Request-Id", id)
		res, err := s.Do(req)
		answer(t, res, err)
		got := log.take(t)
		if len(got) != 2 {
			t.Fatalf("log = %v, want the line of the request and that of the task", got)
		}
		for _, line := range got {
			if line["request_id"] != id[:128] {
				t.Errorf("request_id of %v, want the first 128 bytes of %q", line, id)
			}
			if line["route"] != "/item/{id}" || line["method"] != "POST" || line["path"] != "/item/7" {
				t.Errorf("%v, want method, path and route of the request", line)
			}
		}
	})
}

func TestLog_RequestIDOfDetachedWork(t *testing.T) {
	eachLogger(t, middleware.Options{}, func(t *testing.T, p pipenet.Proto, m mount, life *middleware.Lifecycle, log *lines) {
		if m.name != "Detach" {
			return
		}
		mux := http.NewServeMux()
		mux.Handle("/item/{id}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context())
			middleware.SetAttrs(r.Context(), slog.Int("late", 1))
			for range 100 { // beside the line of the request
				r.Header.Set("X-Request-Id", "another")
			}
			time.Sleep(time.Hour)
		}))
		s := pipenet.Start(t, p, life.Handler(life.Detach(mux)))
		req := s.NewRequest("GET", "/item/7", nil)
		req.Header.Set("X-Request-Id", "mine")
		res, err := s.Do(req)
		answer(t, res, err)
		time.Sleep(2 * time.Hour)
		got := log.take(t)
		if len(got) != 2 {
			t.Fatalf("log = %v, want two lines", got)
		}
		for _, line := range got {
			if line["request_id"] != "mine" || line["route"] != "/item/{id}" {
				t.Errorf("%v, want request_id and route", line)
			}
		}
		if got[1]["late"] != 1. || got[1]["worked_ms"] != 3600000. {
			t.Errorf("%v, want late=1, an hour of work", got[1])
		}
	})
}

// Skip leaves lines out, but not those of problems.
func TestLog_Skip(t *testing.T) {
	asked := make(chan string, 8)
	o := middleware.Options{Skip: func(r *http.Request, o middleware.Outcome) bool {
		asked <- r.URL.Path
		if r.URL.Path == "/panics" {
			panic("Skip, on purpose")
		}
		return r.URL.Path == "/probe" && o.Status == 200
	}}
	eachLogger(t, o, func(t *testing.T, p pipenet.Proto, m mount, life *middleware.Lifecycle, log *lines) {
		s := pipenet.Start(t, p, m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/probe" {
				_ = eof.Defer(r.Context(), func(context.Context) { panic("in a task") })
				if m.name == "Detach" {
					_ = eof.Send(r.Context())
				}
			}
		})))
		for path, want := range map[string]int{"/probe": 1, "/other": 1, "/panics": 0} {
			get(t, s, path)
			if got := log.take(t); len(got) != want || want == 1 && path == "/probe" && got[0]["level"] != "error" {
				t.Errorf("log of %s = %v, want %d lines", path, got, want)
			}
			for len(asked) > 0 {
				<-asked
			}
		}
	})
}

// A handler of log/slog finds what the request's context carries.
func TestLog_SlogGetsContext(t *testing.T) {
	type key struct{}
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		log := new(lines)
		h := &contextHandler{jsonSlog(log).Handler(), key{}}
		life := newLife(t, middleware.Options{Slog: slog.New(h)})
		next := m.wrap(life, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_ = eof.Send(r.Context())
			_ = eof.Defer(r.Context(), func(context.Context) { panic("in a task") })
		}))
		s := pipenet.Start(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, "the trace")))
		}))
		get(t, s, "/")
		got := log.take(t)
		if want := map[string]int{"Handler": 3, "Detach": 3}[m.name]; len(got) != want { // Send without Detach is logged
			t.Errorf("%d lines, want %d: %v", len(got), want, got)
		}
		for _, line := range got {
			if line["trace"] != "the trace" {
				t.Errorf("%v, want what the context has", line)
			}
		}
	})
}

type contextHandler struct {
	slog.Handler
	key any
}

func (h *contextHandler) Handle(ctx context.Context, r slog.Record) error {
	r.AddAttrs(slog.Any("trace", ctx.Value(h.key)))
	return h.Handler.Handle(ctx, r)
}

func TestLog_SlogLevel(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		log := new(lines)
		life := newLife(t, middleware.Options{Slog: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelError}))})
		s := pipenet.Start(t, p, m.wrap(life, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			exitcode.Exit(r.Context(), exitcode.Code(len(r.URL.Path)*100))
		})))
		get(t, s, "/abc")
		get(t, s, "/abcd")
		if got := log.take(t); len(got) != 1 || got[0]["status"] != 500. {
			t.Errorf("log = %v, want the line of status 500 alone", got)
		}
	})
}

func TestNew_OneLogger(t *testing.T) {
	o := middleware.Options{Logger: zerolog.New(io.Discard), Slog: slog.Default()}
	defer func() {
		if got, want := recover(), "middleware.New: one logger, got both Logger and Slog"; got != want {
			t.Errorf("New panics with %v, want %q", got, want)
		}
	}()
	middleware.New(o)
}
