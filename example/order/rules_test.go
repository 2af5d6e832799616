package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// serving runs body with the handler that put makes, inside of a Lifecycle.
func serving(t *testing.T, put func(life *middleware.Lifecycle) http.Handler, body func(t *testing.T, c *aborttest.Client)) {
	t.Helper()
	life := middleware.New(middleware.Options{})
	aborttest.RunWith(t, aborttest.Options{Lifecycle: life}, put(life), body)
}

// A reporter inside of Recover sees a panic and panics again; one outside sees none.
func TestOrder_CrashReporter(t *testing.T) {
	var reports []any
	reporter := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				if v := recover(); v != nil {
					if err, ok := v.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
						reports = append(reports, v)
					}
					panic(v)
				}
			}()
			next.ServeHTTP(w, r)
		})
	}
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/throw" {
			exitcode.Throw(r.Context(), http.StatusTeapot)
		}
		panic("a bug")
	})
	for name, want := range map[string]int{"inside": 1, "outside": 0} {
		t.Run(name, func(t *testing.T) {
			serving(t, func(life *middleware.Lifecycle) http.Handler {
				if name == "inside" {
					return life.Handler(exitcode.Recover(reporter(h)))
				}
				return reporter(life.Handler(exitcode.Recover(h)))
			}, func(t *testing.T, c *aborttest.Client) {
				reports = nil
				if res := c.Get("/panic").Response(); res.Status != 500 {
					t.Errorf("Response = %+v, want 500", res)
				}
				if res := c.Get("/throw").Response(); res.Status != http.StatusTeapot {
					t.Errorf("Response = %+v, want 418", res)
				}
				if len(reports) != want {
					t.Errorf("the reports are %v, want %d", reports, want)
				}
			})
		})
	}
}

type bufferKey struct{}

// A middleware outside of Detach has its buffer back at Send, while the handler uses it.
func TestOrder_LentBuffer(t *testing.T) {
	lends := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			lent := make(chan string, 1) // stands for a buffer of a pool
			lent <- "ann's"
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), bufferKey{}, lent)))
			<-lent
			lent <- "somebody else's"
		})
	}
	for name, want := range map[string]string{"outside": "somebody else's", "inside": "ann's"} {
		t.Run(name, func(t *testing.T) {
			after := make(chan string)
			h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				lent, _ := r.Context().Value(bufferKey{}).(chan string)
				if err := eof.Send(r.Context()); err != nil {
					t.Errorf("Send() = %v, want nil", err)
				}
				after <- ""
				text := <-lent
				after <- text
				lent <- text
			})
			serving(t, func(life *middleware.Lifecycle) http.Handler {
				if name == "inside" {
					return life.Detach(lends(h))
				}
				return lends(life.Detach(h))
			}, func(t *testing.T, c *aborttest.Client) {
				after = make(chan string)
				call := c.Get("/")
				call.Outcome() // what is outside has returned
				<-after
				if got := <-after; got != want {
					t.Errorf("after Send the handler has %s buffer, want %s", got, want)
				}
			})
		})
	}
}

// A middleware that commits when the handler has returned does so when the client has its
// answer already.
func TestOrder_CommitAfterTheHandler(t *testing.T) {
	committed, release := false, make(chan struct{})
	commits := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			committed = true
		})
	}
	serving(t, func(life *middleware.Lifecycle) http.Handler {
		return life.Detach(commits(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "saved")
			_ = eof.Send(r.Context())
			<-release
		})))
	}, func(t *testing.T, c *aborttest.Client) {
		committed, release = false, make(chan struct{})
		call := c.Get("/")
		if res := call.Response(); res.Body != "saved" || committed {
			t.Errorf("Response = %+v, committed = %t, want saved before the commit", res, committed)
		}
		close(release)
		if call.Done(); !committed {
			t.Error("the middleware has not committed, want it to after the handler")
		}
	})
}

// A framework that writes what the handler returns comes too late after Send.
func TestOrder_FrameworkWritesTheResponse(t *testing.T) {
	framework := func(h func(ctx context.Context) (any, error)) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if v, err := h(r.Context()); err == nil {
				_ = json.NewEncoder(w).Encode(v)
			}
		})
	}
	ran := false
	for path, end := range map[string]func(context.Context) error{
		"/send":  eof.Send,
		"/defer": func(ctx context.Context) error { return eof.Defer(ctx, func(context.Context) { ran = true }) },
	} {
		serving(t, func(life *middleware.Lifecycle) http.Handler {
			return life.Detach(framework(func(ctx context.Context) (any, error) { return "made", end(ctx) }))
		}, func(t *testing.T, c *aborttest.Client) {
			ran = false
			call := c.Get(path)
			want := map[string]string{"/send": "", "/defer": "\"made\"\n"}[path]
			if res := call.Response(); res.Status != 200 || res.Body != want {
				t.Errorf("Response to %s = %+v, want 200 %q", path, res, want)
			}
			if call.Done(); ran != (path == "/defer") {
				t.Errorf("the function of Defer has run: %t after %s", ran, path)
			}
		})
	}
}

// An outer logger has written its line at Send. SetAttrs has another line to go to.
func TestOrder_AttributesAfterSend(t *testing.T) {
	var line []string
	logs := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			attrs := make(chan string, 2)
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), bufferKey{}, attrs)))
			for len(attrs) > 0 {
				line = append(line, <-attrs)
			}
		})
	}
	release := make(chan struct{})
	serving(t, func(life *middleware.Lifecycle) http.Handler {
		return logs(life.Detach(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			attrs, _ := r.Context().Value(bufferKey{}).(chan string)
			attrs <- "before"
			_ = eof.Send(r.Context())
			<-release
			attrs <- "after"
			if !middleware.SetAttrs(r.Context(), slog.String("late", "kept")) {
				t.Error("SetAttrs() = false, want true: there is a line to come")
			}
		})))
	}, func(t *testing.T, c *aborttest.Client) {
		line, release = nil, make(chan struct{})
		call := c.Get("/")
		call.Outcome()
		close(release)
		o := call.Done()
		if len(line) != 1 || line[0] != "before" {
			t.Errorf("the outer line has %q, want what came before Send", line)
		}
		if len(o.Attrs) != 1 || o.Attrs[0].Key != "late" {
			t.Errorf("Done = %+v, want the late attribute", o)
		}
	})
}

// A handler whose client has left stops halfway, and nothing else tells a cache so.
func TestOrder_CacheOfHalf(t *testing.T) {
	var whole, half string
	cache := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			if half = rec.Body.String(); r.Context().Err() == nil {
				whole = half
			}
			_, _ = w.Write(rec.Body.Bytes())
		})
	}
	serving(t, func(life *middleware.Lifecycle) http.Handler {
		return life.Handler(cache(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "one half, ")
			<-r.Context().Done() // and never the other
		})))
	}, func(t *testing.T, c *aborttest.Client) {
		whole, half = "", ""
		call := c.Get("/")
		synctest.Wait() // the handler has written one half
		call.Leave(aborttest.Close)
		call.Done()
		if half != "one half, " || whole != "" {
			t.Errorf("the cache has seen %q and stored %q, want half seen and nothing stored", half, whole)
		}
	})
}
