package eof_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// labels gives, for each goroutine with fn on its stack, what the goroutine
// profile has it labelled with, "" for nothing.
func labels(fn string) (found []string) {
	var profile bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&profile, 1)
	for group := range strings.SplitSeq(profile.String(), "\n\n") {
		if !strings.Contains(group, fn) {
			continue
		}
		var n int
		fmt.Sscan(group, &n)
		_, label, _ := strings.Cut(group, "# labels: ")
		label, _, _ = strings.Cut(label, "\n")
		for range n {
			found = append(found, label)
		}
	}
	return found
}

// Functions with names to look for in the profile.
func laterWork(wait <-chan struct{})  { <-wait }
func threadWork(wait <-chan struct{}) { <-wait }

// labelled is a middleware that labels its requests with their path, if that is
// not "/".
func labelled(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			next.ServeHTTP(w, r)
			return
		}
		pprof.Do(r.Context(), pprof.Labels("path", r.URL.Path), func(ctx context.Context) {
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	})
}

// The labels of the request's context are those of its detached handler, and of
// nobody after it, also where the handler itself has set others.
func TestWorkers_Labels(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(r *http.Request)
	}{
		{"return", func(*http.Request) {}},
		{"panic", func(*http.Request) { panicsLate("boom") }},
		{"own labels left", func(r *http.Request) {
			pprof.SetGoroutineLabels(pprof.WithLabels(r.Context(), pprof.Labels("left", "over")))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				const worker = "lastbyte-go/lastbyte/eof.(*workers).work"
				wait, at := make(chan struct{}), make(chan string, 1)
				b := background(t, eof.Options{OnPanic: func(any, []byte) {}})
				wrap := func(next http.Handler) http.Handler { return labelled(b.Detach(next)) }
				s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) {
					at <- self()
					thread.Spawn(r.Context(), func(context.Context) error { threadWork(wait); return nil })
					eof.Send(r.Context())
					laterWork(wait)
					if r.URL.Path != "/" {
						c.end(r)
					}
				})
				var ids []string
				for _, path := range []string{"/one", "/two", "/"} {
					want := map[string]string{"/": ""}
					if path != "/" {
						want[path] = fmt.Sprintf("{%q:%q}", "path", path)
					}
					get(t, s, path).want(t, 200, "")
					synctest.Wait()
					for _, fn := range []string{"eof_test.laterWork", "eof_test.threadWork"} {
						if got := labels(fn); len(got) != 1 || got[0] != want[path] {
							t.Errorf("%s: goroutines in %s have the labels %q, want one with %q", path, fn, got, want[path])
						}
					}
					ids = append(ids, <-at)
					wait <- struct{}{}
					wait <- struct{}{}
					synctest.Wait()
					if got := labels(worker); len(got) != 1 || got[0] != "" {
						t.Errorf("%s: the idle goroutines have the labels %q, want one with none", path, got)
					}
				}
				if ids[0] != ids[1] || ids[1] != ids[2] {
					t.Errorf("the handlers ran on goroutines %q, want one for all", ids)
				}
			})
		})
	}
}

// However a handler ends, the next one is served, and nothing is left over. Only
// runtime.Goexit takes the goroutine with it, as it does anywhere.
func TestWorkers_NotPoisoned(t *testing.T) {
	const (
		drops = 1 << iota // the client has no whole answer
		exits             // the goroutine ends
	)
	for _, c := range []struct {
		name string
		end  func(ctx context.Context)
		flag int
	}{
		{"panic", func(context.Context) { panicsLate("boom") }, drops},
		{"panic after Send", func(ctx context.Context) { eof.Send(ctx); panicsLate("boom") }, 0},
		{"http.ErrAbortHandler", func(context.Context) { panic(http.ErrAbortHandler) }, drops},
		{"http.ErrAbortHandler after Send", func(ctx context.Context) { eof.Send(ctx); panic(http.ErrAbortHandler) }, 0},
		{"runtime.Goexit", func(context.Context) { runtime.Goexit() }, drops | exits},
		{"runtime.Goexit after Send", func(ctx context.Context) { eof.Send(ctx); runtime.Goexit() }, exits},
		{"Exit", func(ctx context.Context) { exitcode.Exit(ctx, exitcode.Close) }, drops},
		{"Throw", func(ctx context.Context) { exitcode.Throw(ctx, exitcode.Close) }, drops},
		{"Throw after Send", func(ctx context.Context) { eof.Send(ctx); exitcode.Throw(ctx, 500) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				at := make(chan string, 1)
				got := make(chan caught, 3)
				b := background(t, eof.Options{OnPanic: onPanic(got)})
				s := serve(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
					io.WriteString(w, answer)
					at <- self()
					if r.URL.Path == "/end" {
						c.end(r.Context())
					}
				})
				for range 3 {
					res, err := s.Do(s.NewRequest("POST", "/end", nil)) // which no client sends again
					if err == nil {
						_, err = io.ReadAll(res.Body)
					}
					if (err != nil) != (c.flag&drops != 0) {
						t.Errorf("the client reads its answer with %v, want it dropped: %v", err, c.flag&drops != 0)
					}
					id := <-at
					synctest.Wait() // a worker is back at its place
					get(t, s, "/").want(t, 200, answer)
					synctest.Wait()
					if same := <-at == id; same != (c.flag&exits == 0) {
						t.Errorf("the next handler runs on the same goroutine: %v, want %v", same, !same)
					}
				}
				shutdown(t, b)
				synctest.Wait()
				wantNoneLeft(t)
				if st := b.Stats(); st.Detached != 0 || st.Lost != 0 {
					t.Errorf("Stats() = %+v, want nothing at work, nothing lost", st)
				}
			})
		})
	}
}

func taskWork(wait <-chan struct{}) { <-wait }

// A task has the labels of its request's context, not those of the task that
// made room for it.
func TestTask_Labels(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		wait := make(chan struct{})
		b := background(t, eof.Options{Running: 1})
		wrap := func(next http.Handler) http.Handler { return labelled(b.Handler(next)) }
		s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), func(context.Context) { taskWork(wait) })
		})
		paths := []string{"/one", "/two", "/"}
		for _, path := range paths {
			get(t, s, path).want(t, 200, "")
		}
		for _, path := range paths {
			synctest.Wait()
			want := ""
			if path != "/" {
				want = fmt.Sprintf("{%q:%q}", "path", path)
			}
			if got := labels("eof_test.taskWork"); len(got) != 1 || got[0] != want {
				t.Errorf("task of %s: the labels are %q, want %q", path, got, want)
			}
			wait <- struct{}{}
		}
	})
}

// Handlers whose stack has to grow, on goroutines that have it, and on one of
// its own for each.
func BenchmarkDeepStack(b *testing.B) {
	for _, depth := range []int{1, 16, 64} { // KB
		handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { deep(depth) })
		run := func(name string, h http.Handler) {
			b.Run(fmt.Sprintf("%dKB/%s", depth, name), func(b *testing.B) {
				b.ReportAllocs()
				r := httptest.NewRequest("GET", "/", nil)
				w := httptest.NewRecorder()
				for b.Loop() {
					h.ServeHTTP(w, r)
				}
			})
		}
		background := eof.New(eof.Options{})
		run("Detach", background.Detach(handler))
		run("go", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var over sync.WaitGroup
			over.Go(func() { handler(w, r) })
			over.Wait()
		}))
		shutdown(b, background)
	}
}

// deep uses that many KB of stack.
//
//go:noinline
func deep(kb int) byte {
	var frame [1 << 10]byte
	if kb > 1 {
		frame[kb] = deep(kb - 1)
	}
	return frame[kb&1]
}
