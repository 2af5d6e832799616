package eof_test

import (
	"compress/gzip"
	"context"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// handlerOutside puts mid between a Handler and a Detach, and detachOnly puts
// it outside of all.
func handlerOutside(b *eof.Background, mid func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler { return b.Handler(mid(b.Detach(h))) }
}

func detachOnly(b *eof.Background, mid func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler { return mid(b.Detach(h)) }
}

var places = map[string]func(*eof.Background, func(http.Handler) http.Handler) func(http.Handler) http.Handler{
	"between Handler and Detach": handlerOutside,
	"outside":                    detachOnly,
}

// The handler is late for the outer deadline and sends all the same: the
// Timeout, whose own turn comes when Detach has returned, must find a response.
func TestE7_NoGatewayTimeout(t *testing.T) {
	for place, wrap := range places {
		t.Run(place, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				late, sent := make(chan error, 1), make(chan error, 1)
				b := background(t, eof.Options{})
				s := serve(t, p, wrap(b, middleware.Timeout(time.Second)), func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(2 * time.Second)
					late <- r.Context().Err()
					sent <- eof.Send(r.Context())
					time.Sleep(time.Second)
				})
				start := time.Now()
				r := get(t, s, "/")
				at(t, "the answer", start, 2*time.Second)
				r.want(t, 200, "")
				if r.length != 0 {
					t.Errorf("Content-Length = %d, want 0", r.length)
				}
				wantErr(t, "ctx.Err() past the outer deadline", <-late, context.DeadlineExceeded)
				wantErr(t, "Send", <-sent, nil)
			})
		})
	}
}

// After Send the outer deadline no longer applies, and a timeout of the
// handler's own still does.
func TestE7_OuterDeadlineLifted(t *testing.T) {
	for place, wrap := range places {
		t.Run(place, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				type ends struct {
					deadline bool
					at       time.Duration
					err      error
				}
				got := make(chan ends, 2)
				b := background(t, eof.Options{})
				s := serve(t, p, wrap(b, middleware.Timeout(time.Second)), func(w http.ResponseWriter, r *http.Request) {
					start, ctx := time.Now(), r.Context()
					_, deadline := ctx.Deadline()
					child, cancel := context.WithTimeout(ctx, 10*time.Second)
					defer cancel()
					eof.Send(ctx)
					<-child.Done()
					got <- ends{deadline, time.Since(start), child.Err()}
					got <- ends{false, 10 * time.Second, ctx.Err()}
				})
				get(t, s, "/").want(t, 200, "")
				if e, want := <-got, (ends{false, 10 * time.Second, context.DeadlineExceeded}); e != want {
					t.Errorf("a child's timeout of 10s made before Send: %+v, want %+v", e, want)
				}
				wantErr(t, "ctx.Err() past both", (<-got).err, nil)
			})
		})
	}
}

func TestE16_Compress(t *testing.T) {
	for place, wrap := range places {
		t.Run(place, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				text := strings.Repeat("all work and no play ", 1000)
				b := background(t, eof.Options{})
				s := serve(t, p, wrap(b, middleware.Compress(5)), func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "text/plain")
					io.WriteString(w, text)
					eof.Send(r.Context())
					time.Sleep(time.Second)
				})
				req := s.NewRequest("GET", "/", nil)
				req.Header.Set("Accept-Encoding", "gzip")
				start := time.Now()
				r := do(t, s, req)
				at(t, "the whole answer", start, 0)
				if r.header.Get("Content-Encoding") != "gzip" || r.err != nil || len(r.body) >= len(text) {
					t.Fatalf("response: Content-Encoding %q, %d bytes, %v; want gzip", r.header.Get("Content-Encoding"), len(r.body), r.err)
				}
				z, err := gzip.NewReader(strings.NewReader(r.body))
				if err != nil {
					t.Fatalf("gzip.NewReader = %v", err)
				}
				if got, err := io.ReadAll(z); string(got) != text || err != nil {
					t.Errorf("unpacked: %d bytes, %v; want %d bytes and a proper end", len(got), err, len(text))
				}
			})
		})
	}
}

func TestE16_LoggerAndRecoverer(t *testing.T) {
	for place, wrap := range places {
		t.Run(place, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				var lines book
				got := make(chan caught, 1)
				b := background(t, eof.Options{OnPanic: onPanic(got)})
				r := chi.NewRouter()
				r.Use(middleware.RequestLogger(&middleware.DefaultLogFormatter{Logger: log.New(&lines, "", 0), NoColor: true}))
				r.Use(middleware.Recoverer)
				r.Handle("/task/{id}", wrap(b, plain)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(http.StatusAccepted)
					io.WriteString(w, answer)
					eof.Send(r.Context())
					time.Sleep(time.Second)
					panicsLate("boom")
				})))
				s := pipenet.Start(t, p, r)
				start := time.Now()
				get(t, s, "/task/7").want(t, 202, answer)
				synctest.Wait()
				at(t, "the log line", start, 0)
				line := lines.String()
				if want := " - 202 14B in 0s"; !strings.Contains(line, want) {
					t.Errorf("the log line at the response's end is %q, want %q", line, want)
				}
				(<-got).want(t, "boom", "panicsLate")
				synctest.Wait()
				if now := lines.String(); now != line {
					t.Errorf("the log after the work is %q, want the one line", now)
				}
			})
		})
	}
}
