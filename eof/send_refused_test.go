package eof_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

func TestE17_SendAfterHijack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sent := make(chan error, 1)
		s := serve(t, pipenet.HTTP1, background(t, eof.Options{}).Detach, func(w http.ResponseWriter, r *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				sent <- err
				return
			}
			defer c.Close()
			sent <- eof.Send(r.Context())
			io.WriteString(c, "HTTP/1.1 299 Mine\r\nContent-Length: 2\r\n\r\nok")
		})
		r, rest := raw(t, s, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
		r.want(t, 299, "ok")
		if b, err := io.ReadAll(rest); len(b) > 0 || err != nil {
			t.Errorf("after the handler's own answer: %q, %v, want the close", b, err)
		}
		wantErr(t, "Send after Hijack", <-sent, http.ErrHijacked)
		if s.Logs() != "" {
			t.Errorf("logged %q, want nothing", s.Logs())
		}
	})
}

func TestE18_SendWithoutDetach(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		sent := make(chan error, 1)
		s := serve(t, p, background(t, eof.Options{}).Handler, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "one ")
			sent <- eof.Send(r.Context())
			io.WriteString(w, "two")
		})
		get(t, s, "/").want(t, 200, "one two")
		wantErr(t, "Send without Detach", <-sent, eof.ErrNotDetached)
		if got := s.Logs(); strings.Count(got, "\n") != 1 || !strings.Contains(got, eof.ErrNotDetached.Error()) {
			t.Errorf("logged %q, want one line with %q", got, eof.ErrNotDetached)
		}
	})
}

// A HeaderFilter runs in the middle of a write: Send there is refused, and the
// response is as without it.
func TestSend_InHeaderFilter(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		sent := make(chan error, 1)
		b := background(t, eof.Options{})
		wrap := func(h http.Handler) http.Handler {
			return b.Detach(exitcode.HeaderFilter(func(r *http.Request, _ int, _ http.Header) exitcode.Code {
				sent <- eof.Send(r.Context())
				return exitcode.OK
			})(h))
		}
		s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, answer) })
		get(t, s, "/").want(t, 200, answer)
		if err := <-sent; err == nil {
			t.Error("Send in a HeaderFilter = nil, want an error")
		}
	})
}

// The functions of a context without a request change nothing and say so.
func TestMisuse_NoRequest(t *testing.T) {
	fn := func(context.Context) { t.Error("a function without a request has run") }
	for _, ctx := range []context.Context{context.Background(), nil} {
		for call, got := range map[string]error{
			"Send":        eof.Send(ctx),
			"Defer":       eof.Defer(ctx, fn),
			"After":       eof.After(ctx, 1, fn),
			"After at 0":  eof.After(ctx, 0, fn),
			"After at -1": eof.After(ctx, -1, fn),
		} {
			wantErr(t, fmt.Sprint(call, " with ", ctx), got, eof.ErrNoRequest)
		}
		if eof.Premature(ctx) {
			t.Errorf("Premature with %v = true, want false", ctx)
		}
	}
}

func TestMisuse_InRequest(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		off := func(h http.Handler) http.Handler { return exitcode.New(exitcode.Options{})(h) }
		for _, c := range []struct {
			name string
			wrap func(http.Handler) http.Handler
			want error // of Defer and After with a function
		}{{"Handler", b.Handler, nil}, {"Detach", b.Detach, nil}, {"no Background", off, eof.ErrOff}} {
			got := make(chan map[string]error, 1)
			s := serve(t, p, c.wrap, func(w http.ResponseWriter, r *http.Request) {
				ctx, fn := r.Context(), func(context.Context) {}
				errs := map[string]error{
					"nil: Defer": eof.Defer(ctx, nil), "nil: After": eof.After(ctx, 1, nil),
					"Defer": eof.Defer(ctx, fn), "After": eof.After(ctx, 1, fn),
				}
				if eof.Premature(ctx) {
					errs["Premature"] = errors.New("true")
				}
				got <- errs
			})
			get(t, s, "/").want(t, 200, "")
			for call, err := range <-got {
				want := c.want
				if strings.HasPrefix(call, "nil: ") {
					want = eof.ErrNilFunc
				}
				wantErr(t, fmt.Sprintf("%s in %s", call, c.name), err, want)
			}
		}
		shutdown(t, b)
		wantStats(t, b, eof.Stats{Done: 4})
	})
}

// A goroutine that nobody waited for has the context of a request that is over.
func TestMisuse_AfterTheEnd(t *testing.T) {
	for _, detach := range []bool{false, true} {
		t.Run(fmt.Sprint("detached ", detach), func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				b := background(t, eof.Options{})
				leaked := make(chan context.Context, 1)
				wrap := b.Handler
				if detach {
					wrap = b.Detach
				}
				s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) { leaked <- r.Context() })
				get(t, s, "/").want(t, 200, "")
				synctest.Wait()
				ctx := <-leaked
				wantErr(t, "Send after the end", eof.Send(ctx), eof.ErrEnded)
				ran := make(chan error, 1)
				wantErr(t, "Defer after the end", eof.Defer(ctx, func(ctx context.Context) { ran <- ctx.Err() }), nil)
				wantErr(t, "ctx.Err() in the task", <-ran, nil)
				shutdown(t, b)
				wantStats(t, b, eof.Stats{Done: 1})
			})
		})
	}
}
