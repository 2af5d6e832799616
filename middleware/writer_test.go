package middleware_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// optional names the optional interfaces that w has.
func optional(w http.ResponseWriter) string {
	var has []string
	add := func(name string, ok bool) {
		if ok {
			has = append(has, name)
		}
	}
	_, ok := w.(http.Flusher)
	add("Flusher", ok)
	_, ok = w.(http.Hijacker)
	add("Hijacker", ok)
	_, ok = w.(io.ReaderFrom)
	add("ReaderFrom", ok)
	_, ok = w.(io.StringWriter)
	add("StringWriter", ok)
	_, ok = w.(http.Pusher)
	add("Pusher", ok)
	_, ok = w.(interface{ CloseNotify() <-chan bool })
	add("CloseNotifier", ok)
	return strings.Join(has, " ")
}

// Parts of a ResponseWriter, to put together what wrappers have.
type (
	bare      struct{ http.ResponseWriter } // nothing of the writer inside it shows
	unwrapper struct{ w http.ResponseWriter }
	flushes   struct{ w http.ResponseWriter }
	hijacks   struct{ w http.ResponseWriter }
	readsFrom struct{ w http.ResponseWriter }
	notifies  struct{ w http.ResponseWriter }
)

func (u unwrapper) Unwrap() http.ResponseWriter { return u.w }
func (f flushes) Flush()                        { http.NewResponseController(f.w).Flush() }
func (h hijacks) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(h.w).Hijack()
}
func (r readsFrom) ReadFrom(src io.Reader) (int64, error) { return io.Copy(bare{r.w}, src) }
func (n notifies) CloseNotify() <-chan bool               { return make(chan bool, 1) }

// wrapper puts one of the known wrappers around the writer of a server.
type wrapper struct {
	name   string
	wrap   func(w http.ResponseWriter, r *http.Request) http.ResponseWriter
	h1, h2 string // what it then has
}

var wrappers = []wrapper{
	{"net/http", func(w http.ResponseWriter, _ *http.Request) http.ResponseWriter { return w },
		"Flusher Hijacker ReaderFrom StringWriter CloseNotifier", "Flusher StringWriter Pusher CloseNotifier"},
	{"chi", func(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
		return chimiddleware.NewWrapResponseWriter(w, r.ProtoMajor)
	}, "Flusher Hijacker ReaderFrom", "Flusher Pusher"},
	{"chi around bare", func(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
		return chimiddleware.NewWrapResponseWriter(bare{w}, r.ProtoMajor)
	}, "", ""},
	{"chi around a hijacker", func(w http.ResponseWriter, _ *http.Request) http.ResponseWriter {
		return chimiddleware.NewWrapResponseWriter(struct {
			bare
			hijacks
		}{bare{w}, hijacks{w}}, 1)
	}, "Hijacker", "Hijacker"},
	{"chi around a flushing hijacker", func(w http.ResponseWriter, _ *http.Request) http.ResponseWriter {
		return chimiddleware.NewWrapResponseWriter(struct {
			bare
			flushes
			hijacks
		}{bare{w}, flushes{w}, hijacks{w}}, 1)
	}, "Flusher Hijacker", "Flusher Hijacker"},
	{"hlog on HTTP/1", func(w http.ResponseWriter, _ *http.Request) http.ResponseWriter {
		return struct {
			bare
			unwrapper
			flushes
			hijacks
			readsFrom
			notifies
		}{bare{w}, unwrapper{w}, flushes{w}, hijacks{w}, readsFrom{w}, notifies{w}}
	}, "Flusher Hijacker ReaderFrom CloseNotifier", "Flusher Hijacker ReaderFrom CloseNotifier"},
	{"hlog on HTTP/2", func(w http.ResponseWriter, _ *http.Request) http.ResponseWriter {
		return struct {
			bare
			unwrapper
			flushes
		}{bare{w}, unwrapper{w}, flushes{w}}
	}, "Flusher", "Flusher"},
	{"reads alone", func(w http.ResponseWriter, _ *http.Request) http.ResponseWriter {
		return struct {
			bare
			readsFrom
		}{bare{w}, readsFrom{w}}
	}, "ReaderFrom", "ReaderFrom"},
	{"reads and flushes", func(w http.ResponseWriter, _ *http.Request) http.ResponseWriter {
		return struct {
			bare
			flushes
			readsFrom
		}{bare{w}, flushes{w}, readsFrom{w}}
	}, "Flusher ReaderFrom", "Flusher ReaderFrom"},
	{"reads and hijacks", func(w http.ResponseWriter, _ *http.Request) http.ResponseWriter {
		return struct {
			bare
			hijacks
			readsFrom
		}{bare{w}, hijacks{w}, readsFrom{w}}
	}, "Hijacker ReaderFrom", "Hijacker ReaderFrom"},
	{"unwrap alone", func(w http.ResponseWriter, _ *http.Request) http.ResponseWriter {
		return struct {
			bare
			unwrapper
		}{bare{w}, unwrapper{w}}
	}, "", ""},
	{"bare", func(w http.ResponseWriter, _ *http.Request) http.ResponseWriter { return bare{w} }, "", ""},
}

// A handler finds exactly what the writer below has, and Unwrap.
func TestWriter_OptionalInterfaces(t *testing.T) {
	for _, c := range wrappers {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, p pipenet.Proto, m mount) {
				below, found, unwraps := make(chan string, 1), make(chan string, 1), make(chan bool, 1)
				life := newLife(t, middleware.Options{})
				h := m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					found <- optional(w)
					_, ok := w.(interface{ Unwrap() http.ResponseWriter })
					unwraps <- ok
				}))
				s := pipenet.Start(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w = c.wrap(w, r)
					below <- optional(w)
					h.ServeHTTP(w, r)
				}))
				get(t, s, "/")
				want := map[pipenet.Proto]string{pipenet.HTTP1: c.h1, pipenet.HTTP2: c.h2}[p]
				if got := take(t, below, "writer below"); got != want {
					t.Errorf("the writer below has %q, the table says %q", got, want)
				}
				if got := take(t, found, "handler's writer"); got != want {
					t.Errorf("the handler's writer has %q, want %q", got, want)
				}
				if !take(t, unwraps, "Unwrap") {
					t.Error("the handler's writer has no Unwrap, want one")
				}
			})
		})
	}
}

// The writers of net/http that need no connection.
func TestWriter_OptionalInterfaces_NoServer(t *testing.T) {
	for _, m := range mounts {
		var found string
		life := newLife(t, middleware.Options{})
		h := m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { found = optional(w) }))
		req := httptest.NewRequest("GET", "http://example.com/", nil)

		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		if want := optional(rec); found != want || want != "Flusher StringWriter" {
			t.Errorf("%s: around a ResponseRecorder with %q: %q, want the same", m.name, want, found)
		}

		var below string
		http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			below = optional(w)
			h.ServeHTTP(w, r)
		}), time.Hour, "").ServeHTTP(httptest.NewRecorder(), req)
		if found != below || below != "Pusher" {
			t.Errorf("%s: around TimeoutHandler's writer with %q: %q, want the same", m.name, below, found)
		}
	}
}
