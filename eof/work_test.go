package eof_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// items gives what Work does, a line for each.
func items(b *eof.Background) string {
	var all []string
	for i := range b.Work() {
		state := "waits"
		if i.Running {
			state = "runs"
		}
		all = append(all, fmt.Sprintf("%s %q %s %v", i.Kind, i.Name, state, time.Since(i.Since)))
	}
	return strings.Join(all, "; ")
}

func wantWork(t *testing.T, b *eof.Background, want ...string) {
	t.Helper()
	if got := items(b); got != strings.Join(want, "; ") {
		t.Errorf("Work() = %s\nwant     %s", got, strings.Join(want, "; "))
	}
}

// routers are the ways in which a route may be around and inside lastbyte.
var routers = map[string]func(b *eof.Background, h http.HandlerFunc) http.Handler{
	"chi, With": func(b *eof.Background, h http.HandlerFunc) http.Handler {
		r := chi.NewRouter()
		r.With(b.Detach).Post("/tasks/{id}", h)
		return r
	},
	"chi, Use": func(b *eof.Background, h http.HandlerFunc) http.Handler {
		r := chi.NewRouter()
		r.Use(b.Detach)
		r.Post("/tasks/{id}", h)
		return r
	},
	"chi, inside": func(b *eof.Background, h http.HandlerFunc) http.Handler {
		r := chi.NewRouter()
		r.Post("/tasks/{id}", h)
		return b.Detach(r)
	},
	"ServeMux": func(b *eof.Background, h http.HandlerFunc) http.Handler {
		m := http.NewServeMux()
		m.Handle("POST /tasks/{id}", b.Detach(h))
		return m
	},
	"ServeMux, inside": func(b *eof.Background, h http.HandlerFunc) http.Handler {
		m := http.NewServeMux()
		m.Handle("POST /tasks/{id}", h)
		return b.Detach(m)
	},
}

// TestB7_Names: what runs and waits has the method and the route of its request, or the name
// that it was given; and so it is named when it is given up.
func TestB7_Names(t *testing.T) {
	for name, mount := range routers {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				b := background(t, eof.Options{})
				release := make(chan struct{})
				s := pipenet.Start(t, p, mount(b, func(w http.ResponseWriter, r *http.Request) {
					ctx := r.Context()
					time.Sleep(time.Second)
					_ = eof.Defer(ctx, func(context.Context) { <-release })
					_ = eof.After(ctx, time.Hour, func(context.Context) { <-release }) // a drain begins it
					io.WriteString(w, answer)
					wantErr(t, "Send", eof.Send(ctx), nil)
					time.Sleep(time.Second)
					wantErr(t, "Go", b.Go(ctx, "index", func(context.Context) { <-release }), nil)
					<-release
				}))
				do(t, s, s.NewRequest("POST", "/tasks/7", nil)).want(t, 200, answer)
				time.Sleep(2 * time.Second)
				synctest.Wait()
				wantWork(t, b, `handler "POST /tasks/{id}" runs 3s`, `task "POST /tasks/{id}" runs 2s`,
					`task "POST /tasks/{id}" waits 2s`, `task "index" runs 1s`)
				ended, cancel := context.WithCancel(t.Context())
				cancel()
				err := b.Shutdown(ended)
				if want := "eof: shutdown gave up 1 handler (POST /tasks/{id}, 3.0s) and 3 tasks (POST /tasks/{id} 2.0s, " +
					"index 1.0s, POST /tasks/{id} 0.0s): context canceled"; err == nil || err.Error() != want {
					t.Errorf("Shutdown() = %v\nwant         %s", err, want)
				}
				close(release)
			})
		})
	}
}

// TestB7_NamesOfLeftHandlers: a handler whose response an exit from beside has ended is
// named as well.
func TestB7_NamesOfLeftHandlers(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		release := make(chan struct{})
		s := pipenet.Start(t, p, routers["chi, With"](b, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = thread.Spawn(r.Context(), func(ctx context.Context) error { return exitcode.Exit(ctx, 503) })
			<-release
		}))
		if r := do(t, s, s.NewRequest("POST", "/tasks/7", nil)); r.status != 503 {
			t.Errorf("status = %d, want 503", r.status)
		}
		synctest.Wait()
		wantWork(t, b, `handler "POST /tasks/{id}" runs 0s`)
		close(release)
		shutdown(t, b)
		wantWork(t, b)
	})
}

// TestB7_TenNames: the ten oldest are named, whatever a client or a program has put into
// a name is quoted and cut.
func TestB7_TenNames(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := background(t, eof.Options{})
		release := make(chan struct{})
		names := []string{"a\nb", strings.Repeat("x", 100), `say "hi"`}
		for i := range 12 {
			names = append(names, fmt.Sprint("task", i))
		}
		for _, name := range names {
			wantErr(t, "Go", b.Go(t.Context(), name, func(context.Context) { <-release }), nil)
			time.Sleep(time.Second)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		err := b.Shutdown(ended)
		want := `eof: shutdown gave up 15 tasks ("a\nb" 15.0s, ` + strings.Repeat("x", 64) + `... 14.0s, "say \"hi\"" 13.0s, ` +
			`task0 12.0s, task1 11.0s, task2 10.0s, task3 9.0s, task4 8.0s, task5 7.0s, task6 6.0s, ...): context canceled`
		if err == nil || err.Error() != want {
			t.Errorf("Shutdown() = %v\nwant         %s", err, want)
		}
		close(release)
	})
}

// TestB7_NamesOfCallbacks: callbacks have no name, but are said.
func TestB7_NamesOfCallbacks(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		wrap := func(h http.Handler) http.Handler { return abort.Check(b.Handler(h)) }
		s := serve(t, p, wrap, func(_ http.ResponseWriter, r *http.Request) {
			abort.On(r.Context(), func(ctx context.Context) { <-ctx.Done() })
			time.Sleep(time.Second)
		})
		call := s.Begin(s.NewRequest("GET", "/", nil))
		synctest.Wait()
		call.Cancel()
		synctest.Wait()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		err := b.Shutdown(ended)
		if want := "eof: shutdown gave up 1 callback: context canceled"; err == nil || err.Error() != want {
			t.Errorf("Shutdown() = %v, want %s", err, want)
		}
	})
}

// TestB7_WorkInTheLoop: the loop's body may do whatever it likes with the Background, and
// end the loop.
func TestB7_WorkInTheLoop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := background(t, eof.Options{Pending: 2})
		for range 2 {
			wantErr(t, "Go", b.Go(t.Context(), "old", func(context.Context) { time.Sleep(time.Minute) }), nil)
		}
		wantErr(t, "After", b.After(t.Context(), time.Hour, "later", func(context.Context) {}), nil)
		seen := 0
		for i := range b.Work() {
			seen++
			wantErr(t, "Go", b.Go(t.Context(), "new", func(context.Context) {}), nil)
			if i.Name == "new" {
				t.Error("Work() gives what has begun in the loop")
			}
			for range b.Work() {
				break
			}
			if seen == 2 {
				shutdown(t, b)
			}
		}
		if seen != 3 {
			t.Errorf("Work() gives %d, want 3", seen)
		}
		shutdown(t, b)
		if all := slices.Collect(b.Work()); len(all) != 0 {
			t.Errorf("Work() = %v after Shutdown, want nothing", all)
		}
	})
}

// TestB7_ResumedBeforeTheEnd: tasks that a shutdown has given up while their response was
// not complete do not run, and are not counted again, if the server comes up again.
func TestB7_ResumedBeforeTheEnd(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		inRequest(t, p, b.Handler, func(_ http.ResponseWriter, r *http.Request) {
			never := func(context.Context) { t.Error("a task that was given up has run") }
			wantErr(t, "Defer", eof.Defer(r.Context(), never), nil)
			wantErr(t, "After", eof.After(r.Context(), time.Second, never), nil)
			wantErr(t, "Shutdown", b.Shutdown(ended), context.Canceled)
			b.Resume()
		}).want(t, 200, "")
		time.Sleep(time.Minute)
		wantStats(t, b, eof.Stats{Lost: 2})
	})
}
