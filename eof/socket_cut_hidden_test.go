package eof_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	lifecycle "github.com/lastbyte-go/lastbyte/middleware"
)

// hidden is a writer that hides what it wraps. With strip it takes the length
// away, as a compressor does.
type hidden struct {
	http.ResponseWriter
	strip bool
}

func (h hidden) WriteHeader(status int) {
	if h.strip {
		h.Header().Del("Content-Length")
	}
	h.ResponseWriter.WriteHeader(status)
}

func (h hidden) Write(p []byte) (int, error) {
	if h.strip {
		h.Header().Del("Content-Length")
	}
	return h.ResponseWriter.Write(p)
}

// hiddenFlusher is one that can flush, as NYTimes/gziphandler's.
type hiddenFlusher struct {
	hidden
	http.Flusher
}

// hideouts are layers around lastbyte whose writer offers no deadline.
var hideouts = map[string]func(next http.Handler) http.Handler{
	"hidden": func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(hidden{w, false}, r) })
	},
	"hidden, without length": func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(hidden{w, true}, r) })
	},
	"flusher": func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(hiddenFlusher{hidden{w, false}, w.(http.Flusher)}, r)
		})
	},
	"flusher, without length": func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(hiddenFlusher{hidden{w, true}, w.(http.Flusher)}, r)
		})
	},
	"TimeoutHandler": func(next http.Handler) http.Handler { return http.TimeoutHandler(next, time.Hour, "") },
	"none":           func(next http.Handler) http.Handler { return next },
	"without length": func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(stripper{hidden{w, true}}, r) })
	},
}

// stripper shows what it wraps.
type stripper struct{ hidden }

func (s stripper) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// A response that Send found too short never looks complete, whatever stands
// around lastbyte, with Attach or without.
func TestE8_BehindHiddenWriter(t *testing.T) {
	t.Parallel()
	for name, hide := range hideouts {
		for _, attached := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", attached ", attached), func(t *testing.T) {
				onSockets(t, func(t *testing.T, l *link) {
					sent := make(chan error, 1)
					life := lifecycle.New(lifecycle.Options{})
					h := hide(life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						w.Header().Set("Content-Length", "105")
						io.WriteString(w, "short")
						sent <- eof.Send(r.Context())
					})))
					s := l.unattached(t, h, func(srv *http.Server) {
						if attached {
							life.Attach(srv)
						}
					})
					t.Cleanup(func() { life.Shutdown(context.Background()) })
					if l.h2 {
						res, err := s.client.Get(s.URL)
						if err == nil {
							defer res.Body.Close()
							_, err = io.ReadAll(res.Body)
						}
						if err == nil {
							t.Error("the client reads a complete response, want an error")
						}
						wantErr(t, "Send", <-sent, eof.ErrShortBody)
						return
					}
					for _, proto := range []string{"HTTP/1.0", "HTTP/1.0\r\nConnection: keep-alive", "HTTP/1.1", "HTTP/1.1\r\nConnection: close"} {
						w := s.exchange(t, "GET / "+proto+"\r\nHost: a\r\n\r\n")
						res, err := http.ReadResponse(w.Reader, nil)
						if err == nil {
							_, err = io.ReadAll(res.Body)
						}
						if err == nil {
							end := "more"
							if res.ContentLength < 0 && len(res.TransferEncoding) == 0 {
								_, end = w.end()
							}
							if end == "more" || end == l.cleanEnd() {
								t.Errorf("%q: a complete response, and %s; want a visible cut", proto, end)
							}
						}
						wantErr(t, "Send", <-sent, eof.ErrShortBody)
					}
				})
			})
		}
	}
}

// unattached is serve without a Lifecycle attached.
func (l *link) unattached(t *testing.T, h http.Handler, configure func(*http.Server)) *socketServer {
	t.Helper()
	s := &socketServer{Server: httptest.NewUnstartedServer(h), link: l}
	p := new(http.Protocols)
	p.SetHTTP1(!l.h2)
	p.SetHTTP2(l.h2 && l.tls)
	p.SetUnencryptedHTTP2(l.h2 && !l.tls)
	s.Config.Protocols, s.EnableHTTP2 = p, l.h2
	s.Config.ErrorLog = log.New(&s.logs, "", 0)
	configure(s.Config)
	tr := &http.Transport{Protocols: p, DialContext: s.keep}
	if l.tls {
		s.StartTLS()
		tr.TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	} else {
		s.Start()
	}
	s.client = &http.Client{Transport: tr, Timeout: time.Minute}
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		s.Close()
		if text := testkit.LogBut(s.logs.String()); text != "" && !strings.Contains(text, "hijacked connection") &&
			!(strings.Count(text, "\n") == 1 && strings.Contains(text, "hides deadlines")) {
			t.Errorf("the server logged %q, want nothing", text)
		}
	})
	return s
}
