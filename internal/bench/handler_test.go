package bench_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/board"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/middleware"

	chimw "github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"
)

// sink is a ResponseWriter with the method set of net/http's HTTP/1 writer that
// costs next to nothing, so that what is measured is the middleware.
type sink struct {
	http.Hijacker
	io.ReaderFrom
	http.CloseNotifier
	header http.Header
}

func (s *sink) Header() http.Header               { return s.header }
func (s *sink) Write(p []byte) (int, error)       { return len(p), nil }
func (s *sink) WriteString(p string) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(int)                   {}
func (s *sink) Flush()                            {}
func (s *sink) FlushError() error                 { return nil }
func (s *sink) SetReadDeadline(time.Time) error   { return nil }
func (s *sink) SetWriteDeadline(time.Time) error  { return nil }
func (s *sink) EnableFullDuplex() error           { return nil }

var five = []byte("hello")

func shallow(w http.ResponseWriter, _ *http.Request) { w.Write(five) }

// deep uses 8 KB of stack.
func deep(w http.ResponseWriter, r *http.Request) {
	if use8KB(0) == 0 {
		w.Write(five)
	}
}

//go:noinline
func use8KB(x byte) byte {
	var buf [8 << 10]byte
	for i := 0; i < len(buf); i += 512 {
		buf[i] = x
	}
	return buf[int(x)*17]
}

// serving is a server's loop over h: one request after another, each with a
// context of its own that is cancelled after it, as net/http does.
func serving(h http.Handler) func(b *testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		req, err := http.NewRequest("GET", "http://example.com/", nil)
		if err != nil {
			b.Fatal(err)
		}
		base := context.WithValue(context.Background(), http.ServerContextKey, new(http.Server))
		w := &sink{header: make(http.Header)}
		for b.Loop() {
			ctx, cancel := context.WithCancel(base)
			h.ServeHTTP(w, req.WithContext(ctx))
			cancel()
		}
	}
}

func on(next http.HandlerFunc) http.Handler {
	callback := func(context.Context) {}
	return abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := abort.On(r.Context(), callback); err != nil {
			panic(err)
		}
		next(w, r)
	}))
}

func send(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		next(w, r)
		if err := eof.Send(r.Context()); err != nil {
			panic(err)
		}
	}
}

// contenders are what the benchmarks compare and what the budgets gate.
func contenders(t testing.TB, h http.HandlerFunc) []contender {
	silent := middleware.New(middleware.Options{})
	observed := middleware.New(middleware.Options{OnEnd: func(*http.Request, middleware.Outcome) {}})
	boarded := middleware.New(middleware.Options{})
	board.New(boarded)
	logging := middleware.New(middleware.Options{Logger: zerolog.New(io.Discard)})
	background := eof.New(eof.Options{})
	for _, drain := range []func(context.Context) error{silent.Shutdown, observed.Shutdown, boarded.Shutdown, logging.Shutdown, background.Shutdown} {
		t.Cleanup(func() {
			if err := drain(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	return []contender{
		{"bare", h},
		{"chiTimeout", chimw.Timeout(time.Minute)(h)},
		{"TimeoutHandler", http.TimeoutHandler(h, time.Minute, "")},
		{"Check", abort.Check(h)},
		{"CheckOn", on(h)},
		{"Lifecycle", silent.Handler(h)},
		{"LifecycleObserved", observed.Handler(h)},
		{"LifecycleBoard", boarded.Handler(h)},
		{"LifecycleLog", logging.Handler(h)},
		{"Detach", background.Detach(h)},
		{"DetachSend", background.Detach(send(h))},
		{"LifecycleDetachSend", silent.Handler(silent.Detach(send(h)))},
	}
}

type contender struct {
	name string
	h    http.Handler
}

func BenchmarkShallow(b *testing.B) {
	for _, c := range contenders(b, shallow) {
		b.Run(c.name, serving(c.h))
	}
}

func BenchmarkStack8KB(b *testing.B) {
	for _, c := range contenders(b, deep) {
		b.Run(c.name, serving(c.h))
	}
}
