package eof_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
)

// bare serves a request to h without a server, to its end.
func bare(h http.Handler) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	return rec
}

// fuzzTasks counts what tasks do.
type fuzzTasks struct {
	mu                        sync.Mutex
	ran, running, most, early int
}

// fn is a task that ends as how says, after a time.
func (c *fuzzTasks) fn(how byte) func(context.Context) {
	if how%8 == 7 {
		return nil
	}
	return func(ctx context.Context) {
		c.mu.Lock()
		c.ran++
		c.running++
		c.most = max(c.most, c.running)
		if eof.Premature(ctx) {
			c.early++
		}
		c.mu.Unlock()
		defer func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.running--
		}()
		select {
		case <-time.After(time.Duration(how) * time.Millisecond):
		case <-ctx.Done():
		}
		switch how % 8 {
		case 0:
			panic("on purpose")
		case 1:
			runtime.Goexit()
		case 2:
			panic(http.ErrAbortHandler)
		}
	}
}

// FuzzTasks gives a Background tasks of all kinds, and ends it: what it has
// accepted runs once or is counted as lost, never more at once than may, and
// the counts add up.
func FuzzTasks(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7}, byte(2), byte(3), false)
	f.Add([]byte{80, 81, 0, 250, 255, 16}, byte(1), byte(200), true)
	f.Add([]byte{3, 3, 3, 3, 3, 3, 3, 3, 3, 3}, byte(0), byte(9), true)
	f.Fuzz(func(t *testing.T, data []byte, running, pending byte, force bool) {
		data = data[:min(len(data), 100)]
		synctest.Test(t, func(t *testing.T) {
			running, pending := int(running%8+1), int(pending%32+1)
			b := eof.New(eof.Options{Running: running, Pending: pending, OnPanic: func(any, []byte) {}})
			c := &fuzzTasks{}
			var accepted, refused, delayed int
			bare(b.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				for _, how := range data {
					d := time.Duration(how%16) * 100 * time.Millisecond
					switch err := eof.After(r.Context(), d, c.fn(how)); {
					case err == nil:
						accepted++
						if d > 0 {
							delayed++
						}
					case errors.Is(err, eof.ErrTooManyPending) && accepted == pending:
						refused++
					case errors.Is(err, eof.ErrNilFunc) && how%8 == 7:
					default:
						t.Errorf("After(%v, %d) = %v with %d waiting of %d", d, how, err, accepted, pending)
					}
				}
				if c.ran > 0 {
					t.Error("a task ran before the response ended")
				}
			})))
			if force {
				time.Sleep(time.Duration(len(data)) * 10 * time.Millisecond)
			}
			ctx, cancel := context.WithCancel(context.Background())
			if force {
				cancel()
			}
			err := b.Shutdown(ctx)
			cancel()
			synctest.Wait()
			st := b.Stats()
			c.mu.Lock()
			defer c.mu.Unlock()
			sum := int(st.Done + st.Panicked + st.Lost)
			if sum != accepted || int(st.Rejected) != refused || c.most > running || c.early > delayed ||
				(err != nil) != (st.Lost > 0) || c.ran > accepted || c.ran < accepted-int(st.Lost) {
				t.Errorf("%d tasks accepted, %d refused: %d ran, %d at once of %d, %d early; Stats() = %+v, Shutdown() = %v",
					accepted, refused, c.ran, c.most, running, c.early, st, err)
			}
			if st.Running+st.Pending+st.Detached != 0 {
				t.Errorf("Stats() = %+v, want nothing at work", st)
			}
		})
	})
}

// FuzzSend calls Send, Defer and After with any context of the request's, from
// the handler and beside it, again and again, before and after the end.
func FuzzSend(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4}, 10)
	f.Add([]byte{8, 16, 24, 0}, 5000)
	f.Add([]byte{5, 6, 7, 13, 0}, 0)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		data, size = data[:min(len(data), 30)], size&0xffff
		synctest.Test(t, func(t *testing.T) {
			b := eof.New(eof.Options{OnPanic: func(any, []byte) {}})
			var all sync.WaitGroup
			var mu sync.Mutex
			sent, ran, accepted := 0, 0, 0
			rec := bare(b.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = w.Write(make([]byte, size))
				for _, how := range data {
					ctx, found := fuzzContext(r.Context(), how)
					call := func() {
						var err error
						if how%2 == 0 {
							err = eof.Send(ctx)
						} else {
							err = eof.Defer(ctx, func(context.Context) { mu.Lock(); ran++; mu.Unlock() })
						}
						mu.Lock()
						defer mu.Unlock()
						switch {
						case !found && errors.Is(err, eof.ErrNoRequest):
						case how%2 == 0 && err == nil:
							sent++
						case how%2 == 0 && errors.Is(err, eof.ErrEnded):
						case how%2 == 1 && err == nil:
							accepted++
						default:
							t.Errorf("call %d with a context of the request (%t) = %v", how, found, err)
						}
					}
					if how&64 != 0 {
						all.Go(call)
					} else {
						call()
					}
				}
				all.Wait()
				if _, err := io.WriteString(w, "more"); (err == nil) != (sent == 0) {
					t.Errorf("Write() = %v after %d successful calls of Send", err, sent)
				}
			})))
			if err := b.Shutdown(context.Background()); err != nil {
				t.Errorf("Shutdown() = %v, want nil", err)
			}
			want := size + map[bool]int{true: 4}[sent == 0]
			if sent > 1 || ran != accepted || rec.Body.Len() != want {
				t.Errorf("Send succeeded %d times, %d tasks of %d ran, %d bytes came, want once at most, all, %d", sent, ran, accepted, rec.Body.Len(), want)
			}
		})
	})
}

// fuzzContext gives a context of ctx, and whether the request is to be found in
// it.
func fuzzContext(ctx context.Context, how byte) (context.Context, bool) {
	switch how >> 1 & 7 {
	case 1:
		return context.WithoutCancel(ctx), true
	case 2:
		ended, cancel := context.WithCancel(ctx)
		cancel()
		return ended, true
	case 3:
		return context.WithValue(ctx, fuzzKey{}, how), true
	case 4:
		return struct{ context.Context }{ctx}, true
	case 5:
		return context.Background(), false
	case 6:
		return nil, false
	}
	return ctx, true
}

type fuzzKey struct{}
