package abort_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

func TestN3_Healthy(t *testing.T) {
	stay(t, []kind{
		{name: "read deadline", ask: get200, handle: func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).SetReadDeadline(longAgo)
			if r.ProtoMajor == 1 {
				<-outer(r.Context()).Done() // net/http takes it for the client's end
			}
			// From then on net/http's own context is cancelled from the beginning
			// in each request of the connection.
			healed(w, r)
		}},
		{name: "write deadline", again: onHTTP1, ask: cutOff, handle: func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).SetWriteDeadline(longAgo)
			if r.ProtoMajor == 2 {
				<-r.Context().Done()
			}
			answers(w, r)
		}},
		{name: "deadlines set and lifted", ask: get200, handle: func(w http.ResponseWriter, r *http.Request) {
			rc := http.NewResponseController(w)
			for _, at := range []time.Time{time.Now().Add(time.Hour), {}} {
				if err := errors.Join(rc.SetReadDeadline(at), rc.SetWriteDeadline(at)); err != nil {
					fmt.Fprint(w, err)
				}
			}
			healed(w, r)
		}},
	})
}

// cutOff sends a request that gets no response.
func cutOff(t *testing.T, g *guest) {
	get(t, g)
	if res, err := g.head(t); err == nil {
		t.Errorf("response = %d, want none", res.StatusCode)
	}
	if g.h2 == nil {
		g.conn.Close()
	}
}

func TestN4_Healthy(t *testing.T) {
	timeout := middleware.Timeout(time.Hour)(http.HandlerFunc(healed))
	stay(t, []kind{
		{name: "child cancelled", ask: get200, handle: func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(r.Context())
			cancel()
			if err := abort.Wrap(ctx, ctx.Err()); err != context.Canceled {
				fmt.Fprint(w, err)
			}
			healed(w, r)
		}},
		{name: "child too late", ask: get200, handle: func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithDeadline(r.Context(), longAgo)
			defer cancel()
			if err := abort.Wrap(ctx, ctx.Err()); err != context.DeadlineExceeded {
				fmt.Fprint(w, err)
			}
			healed(w, r)
		}},
		{name: "chi Timeout", ask: get200, handle: timeout.ServeHTTP},
	})
}

// The client has its answer and leaves.
func TestN5_Healthy(t *testing.T) {
	leaves := func(how way) func(*testing.T, *guest) {
		return func(t *testing.T, g *guest) {
			get200(t, g)
			how.do(g)
		}
	}
	sends := func(w http.ResponseWriter, r *http.Request) {
		answers(w, r)
		if err := eof.Send(r.Context()); err != nil {
			panic(err)
		}
		if err := abort.Wrap(r.Context(), io.EOF); err != io.EOF {
			panic(err)
		}
	}
	stay(t, []kind{
		{name: "Send, close", only: detaches, again: always, handle: sends, ask: leaves(wayClose)},
		{name: "Send, RST", only: detaches, again: always, handle: sends, ask: leaves(wayRST)},
		{name: "close", again: always, handle: answers, ask: leaves(wayClose)},
		{name: "RST", again: always, handle: answers, ask: leaves(wayRST)},
	})
}

func TestN6_Healthy(t *testing.T) {
	var ks []kind
	for _, code := range []exitcode.Code{exitcode.Close, exitcode.Error, 408} {
		ks = append(ks, kind{name: code.String(), again: onHTTP1, ask: cutOff, handle: func(_ http.ResponseWriter, r *http.Request) {
			exitcode.Exit(r.Context(), code)
		}})
	}
	stay(t, ks)
}
