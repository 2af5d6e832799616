package thread_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/thread"
)

// fuzzRun is a request whose threads do what bytes say.
type fuzzRun struct {
	mu             sync.Mutex
	data           []byte
	began, over    int
	threads        []*thread.Thread
	wants          []func(error) bool // what Wait may give, for each of threads
	killed, exited bool
}

func (f *fuzzRun) next() (b byte, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.data) == 0 {
		return 0, false
	}
	b, f.data = f.data[0], f.data[1:]
	return b, true
}

var errFuzz = errors.New("the thread's own")

// act takes the next byte and does it; n is how deep in threads it is.
func (f *fuzzRun) act(ctx context.Context, n int) {
	b, ok := f.next()
	if !ok {
		return
	}
	switch b % 8 {
	case 0, 1, 2, 3:
		f.spawn(ctx, b>>3, n)
	case 4:
		f.mu.Lock()
		if len(f.threads) > 0 {
			f.killed = true
			f.threads[int(b>>3)%len(f.threads)].Kill()
		}
		f.mu.Unlock()
	case 5:
		time.Sleep(time.Duration(b) * time.Millisecond)
	case 6:
		if b > 200 {
			f.mu.Lock()
			f.exited = true
			f.mu.Unlock()
			_ = exitcode.Exit(ctx, exitcode.Code(b)*2)
		}
	case 7:
		f.mu.Lock()
		all := slices.Clone(f.threads)
		f.mu.Unlock()
		limited, cancel := context.WithTimeout(ctx, 100*time.Millisecond) // it may wait for itself
		_, _ = thread.WaitAny(limited, all...)
		cancel()
	}
	f.act(ctx, n)
}

func (f *fuzzRun) spawn(ctx context.Context, how byte, n int) {
	var fn func(context.Context) error
	if how%8 != 7 {
		fn = func(ctx context.Context) error {
			defer func() { f.mu.Lock(); f.over++; f.mu.Unlock() }()
			f.mu.Lock()
			f.began++
			f.mu.Unlock()
			if n < 4 {
				f.act(ctx, n+1)
			}
			switch how % 8 {
			case 0:
				panic(errFuzz)
			case 1:
				runtime.Goexit()
			case 2:
				return errFuzz
			case 3:
				panic(http.ErrAbortHandler)
			case 4:
				<-ctx.Done() // killed, exited, or by the time of the request
			}
			return nil
		}
	}
	if how%8 == 4 {
		child, cancel := context.WithTimeout(ctx, time.Second)
		context.AfterFunc(child, cancel)
		ctx = child
	}
	t, err := thread.Spawn(ctx, fn)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		f.threads = append(f.threads, t)
		f.wants = append(f.wants, f.gives(how%8))
	}
}

// gives is what Wait must say of a thread.
func (f *fuzzRun) gives(how byte) func(error) bool {
	return func(err error) bool {
		p, panicked := errors.AsType[*thread.PanicError](err)
		switch how {
		case 0:
			return panicked && errors.Is(err, errFuzz) && len(p.Stack) > 0
		case 1:
			return err != nil && !panicked
		case 2:
			return err == errFuzz
		case 3:
			return panicked // no Throw, also after an exit
		}
		return err == nil
	}
}

// FuzzThreads has threads begin others, end in every way, be killed and waited
// for: the request ends after the last, and Wait tells how each ended.
func FuzzThreads(f *testing.F) {
	f.Add([]byte{0, 8, 16, 24, 32, 40}, false)
	f.Add([]byte{0, 0, 0, 0, 36, 4, 12, 7, 5, 32}, true)
	f.Add([]byte{32, 206, 1, 9, 17, 25, 4, 4}, true)
	f.Fuzz(func(t *testing.T, data []byte, detach bool) {
		synctest.Test(t, func(t *testing.T) {
			run := &fuzzRun{data: data[:min(len(data), 60)]}
			b := eof.New(eof.Options{OnPanic: func(any, []byte) {}})
			wrap := b.Handler
			if detach {
				wrap = b.Detach
			}
			h := wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { run.act(r.Context(), 0) }))
			func() {
				defer func() { recover() }() // a dropped connection: a recorder has no deadlines
				srv := &http.Server{ErrorLog: log.New(io.Discard, "", 0)}
				ctx := context.WithValue(t.Context(), http.ServerContextKey, srv)
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil))
			}()
			if !detach && run.began != run.over {
				t.Errorf("ServeHTTP returned with %d of %d threads at an end", run.over, run.began)
			}
			if err := b.Shutdown(context.Background()); err != nil {
				t.Errorf("Shutdown() = %v, want nil", err)
			}
			if run.began != run.over || run.began != len(run.threads) {
				t.Errorf("%d threads were spawned, %d began, %d ended, want all", len(run.threads), run.began, run.over)
			}
			for i, th := range run.threads {
				if err := th.Wait(t.Context()); !run.wants[i](err) {
					t.Errorf("Wait() of thread %d = %v, want how it ended; exited: %t", i, err, run.exited)
				}
				if got, _ := thread.WaitAny(t.Context(), th); got != th {
					t.Errorf("WaitAny() = %v, want its only thread", got)
				}
			}
		})
	})
}
