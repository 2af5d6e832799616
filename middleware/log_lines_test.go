package middleware_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// goesWrong are handlers of which something is logged besides. text is part of that line,
// with Handler and with Detach; "": there is none.
var goesWrong = map[string]struct {
	text [2]string
	h    http.HandlerFunc
}{
	"exit after the header": {both("exit with status 503 after"), func(w http.ResponseWriter, r *http.Request) {
		_ = flush(w)
		_ = exitcode.Exit(r.Context(), 503)
	}},
	"exit after the header in a thread": {both("exit with status 503 after"), func(w http.ResponseWriter, r *http.Request) {
		_ = flush(w)
		_, _ = thread.Spawn(r.Context(), func(ctx context.Context) error { return exitcode.Exit(ctx, 503) })
		<-r.Context().Done()
	}},
	"error": {both("on purpose"), exitcode.Handler(func(http.ResponseWriter, *http.Request) error {
		return errors.New("on purpose")
	}).ServeHTTP},
	"error, with a code": {both("on purpose"), exitcode.Handler(func(http.ResponseWriter, *http.Request) error {
		return &exitcode.ExitError{Code: 502, Err: errors.New("on purpose")}
	}).ServeHTTP},
	"ExitWith in a thread": {both("on purpose"), func(_ http.ResponseWriter, r *http.Request) {
		_, _ = thread.Spawn(r.Context(), func(ctx context.Context) error { return exitcode.ExitWith(ctx, errors.New("on purpose")) })
		<-r.Context().Done()
	}},
	"Recover": {both("panic in handler"), exitcode.Recover(panics()).ServeHTTP},
	"filter": {both("exitcode.HeaderFilter"), exitcode.HeaderFilter(func(*http.Request, int, http.Header) exitcode.Code {
		return 77
	})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") })).ServeHTTP},
	"panic": {[2]string{"", "panic serving"}, panics()},
	"page": {both("panic in error page"), exitcode.New(exitcode.Options{
		ErrorPage: func(http.ResponseWriter, *http.Request, exitcode.Code) { panic("on purpose") },
	})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _ = exitcode.Exit(r.Context(), 404) })).ServeHTTP},
	"thread": {both("panic in thread"), func(_ http.ResponseWriter, r *http.Request) {
		th, _ := thread.Spawn(r.Context(), func(context.Context) error { panic("on purpose") })
		_ = th.Wait(r.Context())
	}},
	"callback": {both("panic in abort callback"), func(_ http.ResponseWriter, r *http.Request) {
		_ = abort.On(r.Context(), func(context.Context) { panic("on purpose") })
		time.Sleep(2 * time.Second)
	}},
	"AfterFunc": {both("panic in"), func(_ http.ResponseWriter, r *http.Request) {
		abort.AfterFunc(r.Context(), func(context.Context) { panic("on purpose") })
		time.Sleep(2 * time.Second)
	}},
	"OnDrain": {both("function of OnDrain"), func(_ http.ResponseWriter, r *http.Request) {
		eof.OnDrain(r.Context(), func(context.Context) { panic("on purpose") })
		time.Sleep(3 * time.Second)
	}},
	"task": {both("panic in task"), func(_ http.ResponseWriter, r *http.Request) {
		_ = eof.Defer(r.Context(), func(context.Context) { panic("on purpose") })
	}},
	"thread of a later task": {both("panic in thread"), func(_ http.ResponseWriter, r *http.Request) {
		_ = eof.After(r.Context(), time.Second, func(ctx context.Context) {
			_ = eof.Defer(ctx, func(ctx context.Context) {
				_, _ = thread.Spawn(ctx, func(context.Context) error { panic("on purpose") })
			})
		})
	}},
	"OnDrain in a task": {both("function of OnDrain"), func(_ http.ResponseWriter, r *http.Request) {
		_ = eof.Defer(r.Context(), func(ctx context.Context) {
			eof.OnDrain(ctx, func(context.Context) { panic("on purpose") })
			time.Sleep(3 * time.Second)
		})
	}},
	"panic after Send": {[2]string{"eof.Send", "panic in detached handler"}, func(_ http.ResponseWriter, r *http.Request) {
		if eof.Send(r.Context()) == nil {
			time.Sleep(time.Second)
			panic("on purpose")
		}
	}},
	"thread after Send": {both("panic in thread"), func(_ http.ResponseWriter, r *http.Request) {
		_ = eof.Send(r.Context())
		time.Sleep(time.Second)
		_, _ = thread.Spawn(r.Context(), func(context.Context) error { panic("on purpose") })
	}},
	"write after Send": {[2]string{"eof.Send", "eof.Send"}, func(w http.ResponseWriter, r *http.Request) {
		_ = eof.Send(r.Context())
		time.Sleep(time.Second)
		_, _ = io.WriteString(w, "late")
	}},
	"an error after Send": {[2]string{"eof.Send", ""}, exitcode.Handler(func(_ http.ResponseWriter, r *http.Request) error {
		_ = eof.Send(r.Context())
		time.Sleep(time.Second)
		return errors.New("on purpose")
	}).ServeHTTP},
}

func both(text string) [2]string { return [2]string{text, text} }

func panics() http.HandlerFunc {
	return func(http.ResponseWriter, *http.Request) { panic("on purpose") }
}

// layouts put a handler inside a router and a Lifecycle, at /item/{id}.
var layouts = map[string]func(wrap func(http.Handler) http.Handler, h http.Handler) http.Handler{
	"chi outside": func(wrap func(http.Handler) http.Handler, h http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Use(chimiddleware.RequestID)
		r.With(wrap).Handle("/item/{id}", h)
		return r
	},
	"chi inside": func(wrap func(http.Handler) http.Handler, h http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Use(wrap)
		r.Handle("/item/{id}", h)
		return r
	},
	"ServeMux outside": func(wrap func(http.Handler) http.Handler, h http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("GET /item/{id}", wrap(h))
		return mux
	},
	"ServeMux inside": func(wrap func(http.Handler) http.Handler, h http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("GET /item/{id}", h)
		return wrap(mux)
	},
}

// Every line of a request, that of its work and those of what goes wrong included, says
// which request it is about, wherever the router stands. The client chooses the id.
func TestLog_EveryLineNamesItsRequest(t *testing.T) {
	id := strings.Repeat("i", 120) + "\t\"'\u2028" + strings.Repeat("j", 2000)
	for layout, build := range layouts {
		for name, wrong := range goesWrong {
			t.Run(layout+"/"+name, func(t *testing.T) {
				eachLogger(t, middleware.Options{}, func(t *testing.T, p pipenet.Proto, m mount, life *middleware.Lifecycle, log *lines) {
					h := build(func(h http.Handler) http.Handler { return m.wrap(life, h) }, wrong.h)
					s := pipenet.Start(t, p, h, life.Attach)
					req := s.NewRequest("GET", "/item/7", nil)
					req.Header.Set("X-Request-Id", id)
					call := s.Begin(req)
					time.Sleep(time.Second)
					call.Cancel()
					time.Sleep(time.Second)
					life.Background().Drain()
					time.Sleep(time.Hour)
					found := false
					text := wrong.text[0]
					if m.name == "Detach" {
						text = wrong.text[1]
					}
					for _, line := range log.take(t) {
						message, _ := line["message"].(string)
						found = found || text != "" && strings.Contains(message, text)
						if layout == "ServeMux inside" && line["route"] == nil && (message != "request" || m.name == "Detach") {
							line["route"] = "/item/{id}" // its pattern is known once the handler is back, see Options.Logger
						}
						for key, want := range map[string]any{"method": "GET", "path": "/item/7", "route": "/item/{id}", "request_id": id[:128]} {
							if line[key] != want {
								t.Errorf("%s of %q = %q, want %q", key, message, line[key], want)
							}
						}
					}
					if text != "" && !found {
						t.Errorf("no line has %q, want one", text)
					}
				})
			})
		}
	}
}
