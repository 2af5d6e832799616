package middleware_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// 10,000 requests at once on one connection: each gets its answer, in order,
// and is counted, also where handlers keep running beside the next.
func TestHostile_10000Pipelined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const requests = 10000
		var mu sync.Mutex
		ended, tasks := 0, 0
		life := newLife(t, middleware.Options{
			Background: eof.Options{Pending: requests},
			OnEnd:      func(*http.Request, middleware.Outcome) { mu.Lock(); ended++; mu.Unlock() },
		})
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = abort.On(r.Context(), func(context.Context) { t.Errorf("%s: the callback runs, want no abort", r.URL) })
			if err := eof.Defer(r.Context(), func(context.Context) { mu.Lock(); tasks++; mu.Unlock() }); err != nil {
				t.Errorf("%s: Defer() = %v, want nil", r.URL, err)
			}
			w.Header().Set("X-Path", r.URL.Path)
			_, _ = io.WriteString(w, r.URL.Path)
			if r.URL.Query().Has("send") {
				_ = eof.Send(r.Context())
				_, _ = io.WriteString(w, "late")
			}
		})
		mux := http.NewServeMux()
		mux.Handle("/0/", life.Handler(h))
		mux.Handle("/1/", life.Detach(h))
		mux.Handle("/2/", life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Path", r.URL.Path)
			_ = exitcode.Exit(r.Context(), 404)
		})))
		s := pipenet.Start(t, pipenet.HTTP1, mux, life.Attach)
		c := s.Dial()
		path := func(i int) string { return fmt.Sprintf("/%d/%d", i%3, i) }
		go func() {
			out := bufio.NewWriter(c)
			for i := range requests {
				fmt.Fprintf(out, "GET %s?%s HTTP/1.1\r\nHost: x\r\n\r\n", path(i), map[bool]string{true: "send"}[i%6 == 1])
			}
			out.Flush()
		}()
		in := bufio.NewReader(c)
		for i := range requests {
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatalf("response %d: %v, want one", i, err)
			}
			body, err := io.ReadAll(res.Body)
			want := path(i)
			if i%3 == 2 {
				want = "404 Not Found\n"
			}
			if string(body) != want || err != nil || res.Header.Get("X-Path") != path(i) {
				t.Fatalf("response %d = %q of %q, %v, want %q", i, body, res.Header.Get("X-Path"), err, want)
			}
		}
		atRest(t, life, requests)
		mu.Lock()
		defer mu.Unlock()
		if n := requests - requests/3; ended != requests || tasks != n {
			t.Errorf("%d calls of OnEnd, %d tasks ran, want %d, %d", ended, tasks, requests, n)
		}
	})
}

// A handler that gives away all it has, for others to call when it is over,
// beside the next requests of its connection.
func TestHostile_HandlerLeaksEverything(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		type leak struct {
			w http.ResponseWriter
			r *http.Request
		}
		leaked := make(chan leak, 1)
		s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/leak" {
				_, _ = io.WriteString(w, "leaked")
				leaked <- leak{w, r}
				return
			}
			_, _ = io.Copy(w, r.Body)
		})
		if _, text := get(t, s.Server, "/leak"); text != "leaked" {
			t.Errorf("/leak: %q, want leaked", text)
		}
		l := take(t, leaked, "leak")
		before := take(t, s.ended, "OnEnd")
		var all sync.WaitGroup
		var header sync.Mutex // it is a map, as ever
		for range 4 {
			all.Go(func() {
				for range 50 {
					header.Lock()
					l.w.Header().Set("Late", "yes")
					header.Unlock()
					callAll(t, l.w, l.r)
				}
			})
		}
		for i := range 100 {
			body := strings.Repeat(fmt.Sprint("body ", i, "\n"), 100)
			res, err := s.Do(s.NewRequest("POST", "/", strings.NewReader(body)))
			if status, text := answer(t, res, err); status != 200 || text != body || len(res.Header["Late"]) > 0 {
				t.Errorf("request %d: %d %.40q %v, want its own", i, status, text, res.Header)
			}
			take(t, s.ended, "OnEnd")
		}
		all.Wait()
		c, _ := middleware.From(l.r.Context())
		if now := c.Outcome(); !reflect.DeepEqual(now, before) {
			t.Errorf("Outcome() = %+v, want %+v as at the end", now, before)
		}
		if n := len(s.Conns()); n != 1 {
			t.Errorf("%d connections were used, want 1", n)
		}
		atRest(t, s.life, 101)
	})
}

// callAll calls what a handler can call, when it is too late.
func callAll(t *testing.T, w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	w.WriteHeader(500)
	_, write := io.WriteString(w, "late")
	_, body := r.Body.Read(make([]byte, 8))
	rc := http.NewResponseController(w)
	_, _, hijack := rc.Hijack()
	_, spawn := thread.Spawn(ctx, func(context.Context) error { t.Error("a thread runs after the end"); return nil })
	for call, err := range map[string]error{
		"Write": write, "Flush": rc.Flush(), "Hijack": hijack, "SetReadDeadline": rc.SetReadDeadline(time.Now()),
		"SetWriteDeadline": rc.SetWriteDeadline(time.Now()), "EnableFullDuplex": rc.EnableFullDuplex(),
		"Exit": exitcode.Exit(ctx, exitcode.Close), "Send": eof.Send(ctx), "Spawn": spawn,
		"On": abort.On(ctx, func(context.Context) { t.Error("a callback runs after the end") }),
	} {
		if !errors.Is(err, eof.ErrEnded) && !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("%s() = %v, want %v", call, err, eof.ErrEnded)
		}
	}
	if body == nil || ctx.Err() != context.Canceled {
		t.Errorf("Read() of the body = %v, Err() = %v, want errors", body, ctx.Err())
	}
	if e, ok := abort.Cause(ctx); ok {
		t.Errorf("Cause() = %v, want none", e)
	}
	if _, ok := w.(io.ReaderFrom); ok {
		if _, err := io.Copy(w, strings.NewReader("late")); !errors.Is(err, eof.ErrEnded) {
			t.Errorf("ReadFrom() = %v, want %v", err, eof.ErrEnded)
		}
	}
	_ = abort.Shield(ctx).Err()
}
