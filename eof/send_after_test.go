package eof_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// after is every way to touch the response, and what each says after Send.
var after = []struct {
	name string
	do   func(w http.ResponseWriter, r *http.Request) error
	only pipenet.Proto
}{
	{"Send", func(_ http.ResponseWriter, r *http.Request) error { return eof.Send(r.Context()) }, ""},
	{"Write", func(w http.ResponseWriter, _ *http.Request) error {
		n, err := w.Write([]byte("late"))
		return none(n, err)
	}, ""},
	{"empty Write", func(w http.ResponseWriter, _ *http.Request) error {
		n, err := w.Write(nil)
		return none(n, err)
	}, ""},
	{"WriteString", func(w http.ResponseWriter, _ *http.Request) error {
		n, err := w.(io.StringWriter).WriteString("late")
		return none(n, err)
	}, ""},
	{"io.Copy", func(w http.ResponseWriter, _ *http.Request) error {
		n, err := io.Copy(w, strings.NewReader("late"))
		return none(int(n), err)
	}, ""},
	{"ReadFrom", func(w http.ResponseWriter, _ *http.Request) error {
		n, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("late"))
		return none(int(n), err)
	}, pipenet.HTTP1},
	{"ResponseController.Flush", func(w http.ResponseWriter, _ *http.Request) error {
		return http.NewResponseController(w).Flush()
	}, ""},
	{"ResponseController.SetReadDeadline", func(w http.ResponseWriter, _ *http.Request) error {
		return http.NewResponseController(w).SetReadDeadline(time.Now())
	}, ""},
	{"ResponseController.SetWriteDeadline", func(w http.ResponseWriter, _ *http.Request) error {
		return http.NewResponseController(w).SetWriteDeadline(time.Now())
	}, ""},
	{"ResponseController.EnableFullDuplex", func(w http.ResponseWriter, _ *http.Request) error {
		return http.NewResponseController(w).EnableFullDuplex()
	}, ""},
	{"ResponseController.Hijack", func(w http.ResponseWriter, _ *http.Request) error {
		_, _, err := http.NewResponseController(w).Hijack()
		return err
	}, pipenet.HTTP1},
	{"Push", func(w http.ResponseWriter, _ *http.Request) error {
		return w.(http.Pusher).Push("/late", nil)
	}, pipenet.HTTP2},
}

func none(n int, err error) error {
	if n != 0 {
		return errors.New("bytes were written")
	}
	return err
}

func TestE6_AfterSend(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		errs := make(chan map[string]error, 1)
		s := serve(t, p, background(t, eof.Options{}).Detach, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/next" {
				time.Sleep(time.Second)
				io.WriteString(w, "next")
				return
			}
			io.WriteString(w, answer)
			eof.Send(r.Context())
			time.Sleep(time.Second / 2) // the next request is being served
			got := make(map[string]error)
			for _, c := range after {
				if c.only == "" || c.only == p {
					got[c.name] = c.do(w, r)
				}
			}
			w.WriteHeader(http.StatusTeapot)
			w.Header().Set("X-Late", "1")
			if f, ok := w.(http.Flusher); ok {
				f.Flush()
			}
			errs <- got
		})
		start := time.Now()
		get(t, s, "/").want(t, 200, answer)
		r := get(t, s, "/next")
		r.want(t, 200, "next")
		at(t, "the next answer", start, time.Second)
		if r.header.Get("X-Late") != "" {
			t.Error("a header set after Send is in the next response")
		}
		for call, err := range <-errs {
			wantErr(t, call+" after Send", err, eof.ErrEnded)
		}
		if n := len(s.Conns()); n != 1 || s.Logs() != "" {
			t.Errorf("%d connections, logged %q; want one, and nothing", n, s.Logs())
		}
	})
}

// net/http reads the header map again when ServeHTTP is back, for trailers: a
// map that the handler still writes to would be a fatal race.
func TestE6_HeaderMapKeptFromBefore(t *testing.T) {
	for _, c := range []struct{ name, write string }{{"before the header", ""}, {"after the header", answer}} {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				stop := make(chan struct{})
				outer := make(chan http.Header, 1)
				b := background(t, eof.Options{})
				mid := func(next http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						w.Header().Set("X-Outer", "1")
						b.Detach(next).ServeHTTP(w, r)
						outer <- w.Header().Clone()
					})
				}
				s := serve(t, p, mid, func(w http.ResponseWriter, r *http.Request) {
					h := w.Header()
					h["X-Values"] = []string{"before"}
					values := h["X-Values"]
					if c.write != "" {
						io.WriteString(w, c.write)
					}
					h.Set("Trailer", "X-Sum")
					eof.Send(r.Context())
					for done := false; !done; {
						select {
						case <-stop:
							done = true
						default:
							h.Set("X-Outer", "late")
							h.Set("X-Sum", "late")
							h.Add("Content-Length", "7")
							values[0] = "late"
							h.Del("X-Values")
						}
					}
				})
				r := get(t, s, "/")
				close(stop)
				r.want(t, 200, c.write)
				for k, want := range map[string]string{"X-Outer": "1", "X-Values": "before"} {
					if got := r.header.Get(k); got != want {
						t.Errorf("header %s = %q, want %q", k, got, want)
					}
				}
				if got := r.res.Trailer.Get("X-Sum"); got != "" {
					t.Errorf("trailer X-Sum = %q, want none", got)
				}
				if h := <-outer; h.Get("X-Outer") != "1" || len(h["Content-Length"]) > 0 && h.Get("Content-Length") == "7" {
					t.Errorf("the outer middleware's header map is %v, want nothing of what came after Send", h)
				}
			})
		})
	}
}

// Send waits for a write that is under way: what Write said was written is in
// the response, and nothing else.
func TestE6_WriterBesideSend(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		const piece = "0123456789abcdef"
		wrote := make(chan int, 1)
		s := serve(t, p, background(t, eof.Options{}).Detach, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, piece)
			var writer sync.WaitGroup
			writer.Go(func() {
				n, err := len(piece), error(nil)
				for err == nil {
					var m int
					m, err = io.WriteString(w, piece)
					n += m
				}
				if !errors.Is(err, eof.ErrEnded) {
					n = -1
				}
				wrote <- n
			})
			time.Sleep(time.Millisecond) // the window is full, the writer stuck
			eof.Send(r.Context())
			writer.Wait()
		})
		res, err := s.Get("/")
		synctest.Wait()
		time.Sleep(time.Second) // Send waits for the write, and the write for the client
		r := read(t, res, err)
		if n := <-wrote; len(r.body) != n || r.err != nil {
			t.Errorf("the client reads %d bytes, %v; the handler wrote %d", len(r.body), r.err, n)
		}
	})
}

func TestE6_SendTwiceAtOnce(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		const n = 8
		errs := make(chan error, n)
		s := serve(t, p, background(t, eof.Options{}).Detach, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, answer)
			ctx := context.WithValue(r.Context(), &after, 1)
			var all sync.WaitGroup
			for range n {
				all.Go(func() { errs <- eof.Send(ctx) })
			}
			all.Wait()
		})
		get(t, s, "/").want(t, 200, answer)
		won := 0
		for range n {
			if err := <-errs; err == nil {
				won++
			} else {
				wantErr(t, "Send", err, eof.ErrEnded)
			}
		}
		if won != 1 {
			t.Errorf("%d of %d Sends at once succeed, want 1", won, n)
		}
	})
}
