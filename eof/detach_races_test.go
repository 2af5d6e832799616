package eof_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// One Detach twice at once in one request: a middleware between asks twice and
// takes the first answer.
func TestDetach_TwiceAtOnce(t *testing.T) {
	b := eof.New(eof.Options{})
	inner := b.Detach(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, answer) }))
	h := b.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var both sync.WaitGroup
		start := make(chan struct{})
		for range 2 {
			both.Go(func() {
				w := httptest.NewRecorder()
				r := r.Clone(r.Context())
				<-start
				inner.ServeHTTP(w, r)
				if w.Body.String() != answer {
					t.Errorf("body %q, want %q", w.Body, answer)
				}
			})
		}
		close(start)
		both.Wait()
	}))
	for i := range 2000 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		}()
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			t.Fatalf("request %d does not return", i)
		}
	}
	shutdown(t, b)
}

// slowWriter is the writer of a server. Whoever drops its connection is slow
// until the header is asked for; whoever asks for that takes a second.
type slowWriter struct {
	http.ResponseWriter
	slow   atomic.Bool // the next call of Header
	asked  chan struct{}
	inside atomic.Int32
	t      *testing.T
}

func (w *slowWriter) Header() http.Header {
	if w.slow.Swap(false) {
		w.inside.Add(1)
		defer w.inside.Add(-1)
		close(w.asked)
		time.Sleep(time.Second)
	}
	return w.ResponseWriter.Header()
}

func (w *slowWriter) WriteHeader(status int) {
	if w.inside.Load() > 0 {
		w.t.Errorf("WriteHeader(%d) while another goroutine is at the header map", status)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *slowWriter) SetReadDeadline(time.Time) error  { return nil }
func (w *slowWriter) SetWriteDeadline(time.Time) error { <-w.asked; return nil }

// An exit from beside the handler wakes the serving goroutine while the handler,
// which has returned, hands its headers over.
func TestX11_ExitWhileTheHandlerEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func(ctx context.Context)
	}{
		{"goroutine", func(ctx context.Context) { go exitcode.Exit(ctx, 444); <-ctx.Done() }},
		{"thread, and a panic", func(ctx context.Context) {
			thread.Spawn(ctx, func(ctx context.Context) error { return exitcode.Exit(ctx, 444) })
			<-ctx.Done()
			panic("boom")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := background(t, eof.Options{OnPanic: func(any, []byte) {}})
				w := &slowWriter{ResponseWriter: httptest.NewRecorder(), asked: make(chan struct{}), t: t}
				h := b.Detach(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					rw.Header().Set("X-Mine", "mine")
					w.slow.Store(true)
					c.f(r.Context())
				}))
				h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
				if w.inside.Load() > 0 {
					t.Error("ServeHTTP has returned while another goroutine is at the header map")
				}
			})
		})
	}
}

// A HeaderFilter that exits under Send does not let the serving goroutine write
// before the other filters are through.
func TestX14_ExitUnderSend(t *testing.T) {
	for _, c := range []struct {
		name string
		code exitcode.Code
		send func(ctx context.Context)
	}{
		{"the handler's, 444", 444, func(ctx context.Context) { eof.Send(ctx) }},
		{"beside a handler that ends, 503", 503, func(ctx context.Context) { go eof.Send(ctx); <-ctx.Done() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := background(t, eof.Options{})
				w := &slowWriter{ResponseWriter: httptest.NewRecorder(), asked: make(chan struct{}), t: t}
				close(w.asked)
				in := exitcode.HeaderFilter(func(*http.Request, int, http.Header) exitcode.Code { return c.code })
				out := exitcode.HeaderFilter(func(*http.Request, int, http.Header) exitcode.Code {
					w.inside.Add(1)
					defer w.inside.Add(-1)
					time.Sleep(time.Second) // at work on the header
					return exitcode.OK
				})
				b.Detach(out(in(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { c.send(r.Context()) })))).
					ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
			})
		})
	}
}

// The files of a handler that panics go, too.
func TestE13_UploadedFilesAfterPanicBeforeSend(t *testing.T) {
	for _, detach := range []bool{false, true} {
		for name, end := range map[string]func(){
			"panic": func() { panic("boom") },
			"abort": func() { panic(http.ErrAbortHandler) },
		} {
			t.Run(map[bool]string{false: "Handler", true: "Detach"}[detach]+" "+name, func(t *testing.T) {
				pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
					stdLog(t)
					files := tempDir(t)
					b := background(t, eof.Options{})
					wrap := func(next http.Handler) http.Handler {
						h := b.Handler(next)
						if detach {
							h = b.Detach(next)
						}
						return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							defer func() { recover() }() // chi's Recoverer, say
							h.ServeHTTP(w, r)
						})
					}
					s := serve(t, p, wrap, func(_ http.ResponseWriter, r *http.Request) {
						r.ParseMultipartForm(1)
						if files() != 1 {
							t.Error("no file while the handler works")
						}
						end()
					})
					res, err := s.Do(upload(t, s, "/", strings.Repeat("content ", 1000)))
					read(t, res, err)
					synctest.Wait()
					if n := files(); n != 0 {
						t.Errorf("%d files when the handler has ended, want none", n)
					}
				})
			})
		}
	}
}

// An OnPanic that calls runtime.Goexit (testing.T.FailNow does) ends its
// goroutine, and no more.
func TestE10_GoexitInOnPanic(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := eof.New(eof.Options{OnPanic: func(any, []byte) { runtime.Goexit() }})
		s := serve(t, p, b.Detach, func(_ http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context())
			panic("boom")
		})
		get(t, s, "/").want(t, 200, "")
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		wantErr(t, "Shutdown", b.Shutdown(ctx), nil)
		wantStats(t, b, eof.Stats{Panicked: 1})
	})
}

// The same *http.Request for several calls at once: net/http's handlers take it.
func TestTransparency_OneRequestAtOnce(t *testing.T) {
	for name, wrap := range map[string]func(*eof.Background, http.Handler) http.Handler{
		"Handler": (*eof.Background).Handler, "Detach": (*eof.Background).Detach,
	} {
		t.Run(name, func(t *testing.T) {
			b := background(t, eof.Options{})
			h := wrap(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) }))
			r := httptest.NewRequest("GET", "/", nil)
			var all sync.WaitGroup
			for range 200 {
				all.Go(func() { h.ServeHTTP(httptest.NewRecorder(), r) })
			}
			all.Wait()
		})
	}
}

// slowHeader takes two seconds for the next header map.
type slowHeader struct {
	http.ResponseWriter
	slow *atomic.Bool
}

func (w slowHeader) Header() http.Header {
	if w.slow.Swap(false) {
		time.Sleep(2 * time.Second)
	}
	return w.ResponseWriter.Header()
}

// A TimeoutHandler gives up while the handler, which has returned, hands over.
func TestE13_UploadedFilesAfterTimeoutHandler(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		files := tempDir(t)
		b := background(t, eof.Options{})
		var slow atomic.Bool
		wrap := func(h http.Handler) http.Handler {
			d := b.Detach(h)
			return b.Handler(http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				d.ServeHTTP(slowHeader{w, &slow}, r)
			}), time.Second, "late"))
		}
		s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("A", "b")
			r.ParseMultipartForm(1)
			if files() != 1 {
				t.Error("no file while the handler works")
			}
			slow.Store(true)
		})
		do(t, s, upload(t, s, "/", strings.Repeat("content ", 1000))).want(t, 503, "late")
		time.Sleep(10 * time.Second)
		if n := files(); n != 0 {
			t.Errorf("%d files when the handler has ended, want none", n)
		}
	})
}
