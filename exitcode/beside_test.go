package exitcode_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// A beside is a goroutine beside the handler's that may exit.
type beside struct {
	name  string
	spawn func(ctx context.Context, f func(context.Context))
}

// ownCtx are goroutines that exit with the handler's own context.
var ownCtx = []beside{
	{"goroutine", func(ctx context.Context, f func(context.Context)) { go f(ctx) }},
	{"thread", func(ctx context.Context, f func(context.Context)) {
		thread.Spawn(ctx, func(context.Context) error {
			f(ctx)
			return nil
		})
	}},
}

// threadCtx is a thread that exits with the context that it was given.
var threadCtx = beside{"thread", func(ctx context.Context, f func(context.Context)) {
	thread.Spawn(ctx, func(ctx context.Context) error {
		f(ctx)
		return nil
	})
}}

// exitAfter has b exit with code after a second, and checks what Exit says.
func (b beside) exitAfter(t *testing.T, ctx context.Context, code exitcode.Code, want error) {
	b.spawn(ctx, func(ctx context.Context) {
		time.Sleep(time.Second)
		isErr(t, fmt.Sprintf("Exit(%d) in a %s", int(code), b.name), exitcode.Exit(ctx, code), want)
	})
}

// ends checks that ctx ends after a second, with code as the cause.
func ends(t *testing.T, ctx context.Context, code exitcode.Code) {
	t.Helper()
	begin := time.Now()
	<-ctx.Done()
	check(t, "end of the handler's context", time.Since(begin), time.Second)
	check(t, "its cause", causeCode(ctx), code)
}

func TestX11_ThreadDrops(t *testing.T)  { besideDrops(t, threadCtx) }
func TestX11b_OwnCtxDrops(t *testing.T) { besideDrops(t, ownCtx...) }

// besideDrops: at once, whatever the handler does meanwhile.
func besideDrops(t *testing.T, besides ...beside) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for _, b := range besides {
			s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Has("sent") {
					io.WriteString(w, "part")
					http.NewResponseController(w).Flush()
				}
				b.exitAfter(t, r.Context(), pathCode(r), nil)
				ends(t, r.Context(), pathCode(r))
				refusedWrites(t, w)
				time.Sleep(time.Hour)
			}, attach)
			for _, code := range []int{444, 499, 408, -1} {
				s.nothingUntil(fmt.Sprintf("/%d", code), time.Second)
				s.recorded(max(0, code))
				s.cutOff(fmt.Sprintf("/%d?sent", code), "part", time.Second)
				s.recorded(200)
			}
			check(t, "log", s.Logs(), "")
		}
	})
}

func TestX11_BlockedWriteReturns(t *testing.T) {
	for _, code := range []exitcode.Code{444, 499, 408, -1} {
		blockedWrite(t, code, threadCtx, attach)
	}
}

func TestX11b_BlockedWriteReturns(t *testing.T) { blockedWrite(t, 444, ownCtx[0], attach) }

// Without the connection in the context a dropping exit still keeps every
// further byte from it, and frees a handler that is stuck.
func TestX11_DropWithoutConnContext(t *testing.T) {
	blockedWrite(t, 444, threadCtx)
}

// blockedWrite: b exits while the handler, which then keeps running, is stuck in a
// Write.
func blockedWrite(t *testing.T, code exitcode.Code, b beside, configure ...func(*http.Server)) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		back := make(chan time.Duration, 1)
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			begin := time.Now()
			b.exitAfter(t, r.Context(), code, nil)
			chunk := make([]byte, 32<<10)
			for range 1000 { // 32 MB: nobody grants that much
				if _, err := w.Write(chunk); err != nil {
					back <- time.Since(begin)
					refusedWrites(t, w)
					time.Sleep(time.Hour)
					return
				}
			}
			t.Error("the client was sent 32 MB, want Write to block")
			back <- 0
		}, configure...)
		res, err := s.Get("/")
		if err != nil {
			t.Fatalf("GET = %v, want a header", err)
		}
		check(t, "the blocked Write returns", <-back, time.Second)
		begin := time.Now()
		if _, err := io.Copy(io.Discard, res.Body); err == nil {
			t.Error("reading the body = nil, want it cut off")
		}
		check(t, "the rest of the body takes", time.Since(begin), 0)
		s.recorded(200)
	})
}

// On the serving goroutine there is one writer and one header map, the
// handler's: the page waits for it.
func TestX11_PageWaitsForHandler(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		in := exitcode.New(exitcode.Options{})
		for _, b := range append(ownCtx, threadCtx) {
			pageWaits(t, p, in, b)
		}
	})
}

// Under Detach, too, if the goroutine has the handler's own context.
func TestX11b_PageWaitsForHandler(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		for _, b := range ownCtx {
			pageWaits(t, p, background(t).Detach, b)
		}
	})
}

func pageWaits(t *testing.T, p pipenet.Proto, in wrap, b beside) {
	s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Inside", "before")
		b.exitAfter(t, r.Context(), pathCode(r), nil)
		ends(t, r.Context(), pathCode(r))
		time.Sleep(9 * time.Second)
		if r.URL.Query().Has("write") {
			_, err := io.WriteString(w, "dropped")
			isErr(t, "Write", err, exitcode.ErrExited)
			time.Sleep(50 * time.Second)
			refusedWrites(t, w)
		}
	})
	for _, path := range []string{"/503?write", "/404?return", "/799?write"} {
		a := s.get(path)
		code := pathCode(s.NewRequest("GET", path, nil))
		a.is(t, path, int(code), code.String()+"\n")
		check(t, path+", header there", a.after, 10*time.Second)
		check(t, path+", the handler's header", a.header.Get("Inside"), "before")
		s.recorded(int(code))
	}
	s.same()
}
