package eof_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"runtime/pprof"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/eof"
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

// The labels that a middleware has set are those of its detached handler, and of
// nobody after it, also where the handler itself has set others.
func TestGoroutines_Labels(t *testing.T) {
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
				wait := make(chan struct{})
				b := background(t, eof.Options{OnPanic: func(any, []byte) {}})
				wrap := func(next http.Handler) http.Handler { return labelled(b.Detach(next)) }
				s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) {
					thread.Spawn(r.Context(), func(context.Context) error { threadWork(wait); return nil })
					eof.Send(r.Context())
					laterWork(wait)
					if r.URL.Path != "/" {
						c.end(r)
					}
				})
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
					wait <- struct{}{}
					wait <- struct{}{}
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
