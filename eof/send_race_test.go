package eof_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// net/http reads the header map again when ServeHTTP has returned, for trailers: a
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
		piece := strings.Repeat("0123456789", 100)
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

// A handler may write while a thread calls Send, also through a writer of somebody else's
// between two lastbyte middlewares: the inner one looks at the header map then. The race
// detector looks.
func TestE6_WriterInALayerBesideSend(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		mid := func(next http.Handler) http.Handler {
			inner := exitcode.New(exitcode.Options{})(next)
			return b.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				inner.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
			}))
		}
		s := serve(t, p, mid, func(w http.ResponseWriter, r *http.Request) {
			sent := make(chan error, 1)
			_, err := thread.Spawn(r.Context(), func(ctx context.Context) error {
				sent <- eof.Send(ctx)
				return nil
			})
			if err != nil {
				t.Error(err)
				return
			}
			for range len(r.URL.Path) {
				runtime.Gosched()
			}
			if _, err := io.WriteString(w, answer); err != nil && !errors.Is(err, eof.ErrEnded) {
				t.Errorf("Write() = %v, want nil or ErrEnded", err)
			}
			if err := <-sent; err != nil {
				t.Errorf("Send() = %v, want nil", err)
			}
		})
		for i := range 50 {
			if r := get(t, s, "/"+strings.Repeat("x", i%8)); r.res.StatusCode != 200 {
				t.Errorf("status %d, want 200", r.res.StatusCode)
			}
		}
	})
}
