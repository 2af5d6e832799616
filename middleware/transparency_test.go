package middleware_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func TestTransparency_Informational(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "</a.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Set("Link", "</b.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Del("Link")
			w.WriteHeader(http.StatusAccepted)
			io.WriteString(w, "done")
		})
		var hints []string
		req := s.NewRequest("GET", "/", nil)
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
				hints = append(hints, fmt.Sprint(code, " ", h.Get("Link")))
				return nil
			},
		}))
		res, err := s.Do(req)
		if status, text := answer(t, res, err); status != 202 || text != "done" || res.Header.Get("Link") != "" {
			t.Errorf("answer = %d %q, Link %q, want 202 done, none", status, text, res.Header.Get("Link"))
		}
		if got, want := fmt.Sprint(hints), "[103 </a.css>; rel=preload 103 </b.css>; rel=preload]"; got != want {
			t.Errorf("1xx = %s, want %s", got, want)
		}
		if o := take(t, s.ended, "OnEnd"); o.Status != 202 || o.Sent != 202 {
			t.Errorf("Outcome = %d, %d, want 202 twice: 103 is not the response", o.Status, o.Sent)
		}
	})
}

func TestTransparency_Trailers(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "Sum")
			io.WriteString(w, "body")
			flush(w)
			w.Header().Set("Sum", "42")
			w.Header().Set(http.TrailerPrefix+"Late", "yes")
		})
		res, err := s.Get("/")
		answer(t, res, err)
		if got := fmt.Sprint(res.Trailer); got != "map[Late:[yes] Sum:[42]]" {
			t.Errorf("Trailer = %s, want Late yes, Sum 42", got)
		}
	})
}

func TestTransparency_RequestTrailers(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		got := make(chan string, 1)
		s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			got <- r.Trailer.Get("Sum")
		})
		req := s.NewRequest("POST", "/", io.MultiReader(strings.NewReader("body")))
		req.Trailer = http.Header{"Sum": {"42"}}
		res, err := s.Do(req)
		answer(t, res, err)
		if sum := take(t, got, "trailer"); sum != "42" {
			t.Errorf("request trailer = %q, want 42", sum)
		}
	})
}

// Trailers that no header announced are set by net/http on its own request.
func TestTransparency_RequestTrailersUnannounced(t *testing.T) {
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := make(chan string, 1)
				s := start(t, pipenet.HTTP1, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
					io.Copy(io.Discard, r.Body)
					got <- r.Trailer.Get("Sum")
				})
				c := s.Dial()
				io.WriteString(c, "POST / HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n"+
					"4\r\nbody\r\n0\r\nSum: 42\r\n\r\n")
				if sum := take(t, got, "trailer"); sum != "42" {
					t.Errorf("request trailer = %q, want 42", sum)
				}
			})
		})
	}
}

// A server for HTTP/3 gives its request another map when the trailers have arrived,
// though the header has announced them.
func TestTransparency_RequestTrailersInAnotherMap(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		life := middleware.New(middleware.Options{})
		h := m.wrap(life, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			if got := r.Trailer.Get("X-Sum"); got != "12" {
				t.Errorf("Trailer = %v, want X-Sum: 12", r.Trailer)
			}
		}))
		r := httptest.NewRequest("POST", "/", nil)
		r.Trailer = http.Header{"X-Sum": nil}
		r.Body = io.NopCloser(readerFunc(func([]byte) (int, error) {
			r.Trailer = http.Header{"X-Sum": {"12"}}
			return 0, io.EOF
		}))
		h.ServeHTTP(httptest.NewRecorder(), r)
		if err := life.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Under GODEBUG=panicnil=1 a panic with nil is one as any other: the response is broken
// off, and nobody logs it.
func TestTransparency_PanicNil(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "half")
			http.NewResponseController(w).Flush()
			var v any
			panic(v)
		})
		res, err := s.Do(s.NewRequest("GET", "/", nil))
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("the body is %q, and complete; want it broken off", body)
		}
	})
}

// While goroutines read the body, others may read the request, and copy it, as
// WithContext does. Under -race: net/http writes nothing into a request that has no
// trailers, and its HTTP/1 body takes several readers.
func TestTransparency_RequestBesideReadersOfItsBody(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			var readers sync.WaitGroup
			for n := 0; n == 0 || n == 1 && p == pipenet.HTTP1; n++ {
				readers.Go(func() { io.Copy(io.Discard, r.Body) })
			}
			for range 100 {
				_ = r.WithContext(r.Context())
			}
			readers.Wait()
		})
		if res, err := s.Do(s.NewRequest("POST", "/", strings.NewReader("body"))); err != nil || res.StatusCode != 200 {
			t.Errorf("response = %v, %v, want 200", res, err)
		}
	})
}

// EnableFullDuplex reaches net/http: the answer begins before the body ends.
func TestTransparency_EnableFullDuplex(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			err := http.NewResponseController(w).EnableFullDuplex()
			if p == pipenet.HTTP1 && err != nil {
				t.Errorf("EnableFullDuplex() = %v, want nil", err)
			}
			io.WriteString(w, "early ")
			flush(w)
			text, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %v", text, err)
		})
		body, feed := io.Pipe()
		call := s.Begin(s.NewRequest("POST", "/", body))
		io.WriteString(feed, "one")
		res, err := call.Wait()
		if err != nil {
			t.Fatalf("response = %v, want one before the body's end", err)
		}
		io.WriteString(feed, " two")
		feed.Close()
		if status, text := answer(t, res, nil); status != 200 || text != "early one two <nil>" {
			t.Errorf("answer = %d %q, want early one two", status, text)
		}
	})
}

func TestTransparency_ReadDeadline(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		type result struct {
			err   error
			after time.Duration
		}
		results := make(chan result, 1)
		s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			begin := time.Now()
			if err := http.NewResponseController(w).SetReadDeadline(begin.Add(time.Second)); err != nil {
				t.Errorf("SetReadDeadline() = %v, want nil", err)
			}
			_, err := io.ReadAll(r.Body)
			results <- result{err, time.Since(begin)}
		})
		body, feed := io.Pipe()
		defer feed.Close()
		s.Begin(s.NewRequest("POST", "/", body))
		io.WriteString(feed, "some")
		time.Sleep(time.Second)
		if got := take(t, results, "read"); !errors.Is(got.err, os.ErrDeadlineExceeded) || got.after != time.Second {
			t.Errorf("ReadAll(Body) = %v after %v, want %v after 1s", got.err, got.after, os.ErrDeadlineExceeded)
		}
		if o := take(t, s.ended, "OnEnd"); o.Abort != nil {
			t.Errorf("Outcome.Abort = %v, want nil: the deadline is the handler's", o.Abort)
		}
	})
}

func TestTransparency_WriteDeadline(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		errs := make(chan error, 1)
		s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
				t.Errorf("SetWriteDeadline() = %v, want nil", err)
			}
			var err error
			for err == nil {
				_, err = w.Write(make([]byte, pipenet.Window))
			}
			errs <- err
		})
		res, err := s.Get("/") // which nobody reads
		if err != nil {
			t.Fatalf("Get() = %v, want a response", err)
		}
		defer res.Body.Close()
		none(t, errs, "end of the writes before the deadline")
		time.Sleep(time.Second)
		if err := take(t, errs, "end of the writes"); err == nil {
			t.Error("Write() after the deadline = nil, want an error")
		}
	})
}

// Hijack gives net/http's own connection and what the client sent ahead.
func TestTransparency_HijackOriginalConn(t *testing.T) {
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				accepted := make(chan net.Conn, 1)
				s := start(t, pipenet.HTTP1, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
					c, rw, err := w.(http.Hijacker).Hijack()
					if err != nil {
						t.Errorf("Hijack() = %v, want nil", err)
						return
					}
					defer c.Close()
					if own := <-accepted; c != own {
						t.Errorf("Hijack() = a %T, want the server's own connection", c)
					}
					line, err := rw.ReadString('\n')
					fmt.Fprintf(rw, "echo %s%v", line, err)
					rw.Flush()
				}, func(srv *http.Server) {
					srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
						accepted <- c
						return ctx
					}
				})
				c := s.Dial()
				io.WriteString(c, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\nahead\n")
				if got, err := io.ReadAll(bufio.NewReader(c)); string(got) != "echo ahead\n<nil>" || err != nil {
					t.Errorf("client reads %q, %v, want echo ahead", got, err)
				}
			})
		})
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
