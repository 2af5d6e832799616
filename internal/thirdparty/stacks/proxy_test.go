package thirdparty_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// upstream is a server with a handler, and a ReverseProxy to it.
func upstream(t *testing.T, h http.HandlerFunc) *httputil.ReverseProxy {
	t.Helper()
	s := pipenet.Start(t, pipenet.HTTP1, h)
	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	return &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(u) },
		Transport:     s.Client.Transport,
		FlushInterval: -1,
		ErrorLog:      log.New(t.Output(), "", 0),
	}
}

// half answers with half of what it said it would, says so, and waits.
func half(begun chan<- struct{}, rest <-chan bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("length") {
			w.Header().Set("Content-Length", fmt.Sprint(2*len(mid)))
		}
		_, _ = io.WriteString(w, mid)
		flush(w, r)
		begun <- struct{}{}
		select {
		case whole := <-rest:
			if !whole {
				panic(http.ErrAbortHandler)
			}
		case <-r.Context().Done():
			return
		}
		_, _ = io.WriteString(w, mid)
	}
}

// proxied is a lastbyte server in front of a ReverseProxy.
type proxied struct {
	*pipenet.Server
	ended chan middleware.Outcome
}

func inFront(t *testing.T, p pipenet.Proto, at place, h http.Handler) *proxied {
	t.Helper()
	s := &proxied{ended: make(chan middleware.Outcome, 4)}
	life := middleware.New(middleware.Options{
		OnEnd:      func(_ *http.Request, o middleware.Outcome) { s.ended <- o },
		Background: eof.Options{OnPanic: func(v any, _ []byte) { t.Errorf("a panic: %v", v) }},
	})
	t.Cleanup(func() {
		if err := life.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown() = %v, want nil", err)
		}
	})
	none := func(h http.Handler) http.Handler { return h }
	s.Server = pipenet.Start(t, p, at.put(life, none, h), life.Attach)
	return s
}

// TestReverseProxy_Inside: a proxy as the handler. It panics with
// http.ErrAbortHandler where it cannot complete a response, and whoever won by
// then: half of a body is never a complete response.
func TestReverseProxy_Inside(t *testing.T) {
	for _, c := range []struct {
		name   string
		while  func(ctx context.Context, rest chan<- bool, call *pipenet.Call)
		whole  bool
		status int // recorded
		leaves bool

		// Under Detach an exit from beside the handler ends a response that has
		// begun at once, as it stands: nobody waits for what the handler says of it.
		beside bool
	}{
		{name: "all of it", while: func(_ context.Context, rest chan<- bool, _ *pipenet.Call) { rest <- true }, whole: true, status: 200},
		{name: "the upstream is cut", while: func(_ context.Context, rest chan<- bool, _ *pipenet.Call) { rest <- false }, status: 200},
		{name: "exit 503", while: func(ctx context.Context, _ chan<- bool, _ *pipenet.Call) { _ = exitcode.Exit(ctx, 503) }, status: 200, beside: true},
		{name: "exit 200", while: func(ctx context.Context, _ chan<- bool, _ *pipenet.Call) { _ = exitcode.Exit(ctx, 200) }, status: 200, beside: true},
		{name: "exit 444", while: func(ctx context.Context, _ chan<- bool, _ *pipenet.Call) { _ = exitcode.Exit(ctx, 444) }, status: 200},
		{name: "client leaves", while: func(_ context.Context, _ chan<- bool, call *pipenet.Call) { call.Cancel() }, status: 200, leaves: true},
	} {
		for _, at := range places {
			for _, path := range []string{"/", "/?length"} {
				t.Run(c.name+"/"+at.name+path, func(t *testing.T) {
					pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
						begun, rest := make(chan struct{}, 1), make(chan bool, 1)
						proxy := upstream(t, half(begun, rest))
						var call *pipenet.Call
						ready := make(chan struct{})
						s := inFront(t, p, at, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							_, err := thread.Spawn(r.Context(), func(ctx context.Context) error {
								<-begun
								<-ready
								c.while(ctx, rest, call)
								return nil
							})
							if err != nil {
								t.Errorf("Spawn() = %v, want nil", err)
							}
							proxy.ServeHTTP(w, r)
						}))
						call = s.Begin(s.NewRequest("GET", path, nil))
						res, err := call.Wait()
						if err != nil {
							t.Fatalf("no answer: %v", err)
						}
						close(ready)
						b, err := io.ReadAll(res.Body)
						res.Body.Close()
						if at.detach && c.beside {
							return // see beside
						}
						if whole := err == nil; whole != c.whole || whole && string(b) != mid+mid {
							t.Errorf("got %d bytes, %v, want a whole body: %t", len(b), err, c.whole)
						}
						synctest.Wait()
						if o := <-s.ended; o.Status != c.status || (o.Abort != nil) != c.leaves || o.Sent != 200 {
							t.Errorf("Outcome = %+v, want %d, an abort: %t", o, c.status, c.leaves)
						}
					})
				})
			}
		}
	}
}

// TestReverseProxy_Outside: a proxy in front of a lastbyte server passes on
// what the client needs to know: pages as they are, drops as 502, and a response
// that is cut as a cut one.
func TestReverseProxy_Outside(t *testing.T) {
	for _, c := range []struct {
		name   string
		do     handle
		status int
		body   string
		cut    bool
	}{
		{name: "answer", do: writes(mid), status: 200, body: mid},
		{name: "exit 403", do: exits(403), status: 403, body: "403 Forbidden\n"},
		{name: "exit 444", do: exits(444), status: 502},
		{name: "exit 499", do: exits(499), status: 502},
		{name: "panic", do: panics(http.ErrAbortHandler), status: 502},
		{name: "exit 444 late", do: then(writes(mid), flush, exits(444)), status: 200, cut: true},
		{name: "ErrAbortHandler late", do: then(writes(mid), flush, panics(http.ErrAbortHandler)), status: 200, cut: true},
		{name: "exit 503 late", do: then(writes(mid), flush, exits(503)), status: 200, body: mid},
	} {
		for _, at := range places {
			t.Run(c.name+"/"+at.name, func(t *testing.T) {
				pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
					back := inFront(t, pipenet.HTTP1, at, http.HandlerFunc(c.do))
					u, _ := url.Parse(back.URL())
					front := pipenet.Start(t, p, &httputil.ReverseProxy{
						Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(u) },
						Transport: back.Client.Transport,
						ErrorLog:  log.New(t.Output(), "", 0),
					})
					req := front.NewRequest("POST", "/", nil) // a GET would be sent again on a reused connection
					res, err := front.Do(req)
					if err != nil {
						t.Fatalf("no answer: %v", err)
					}
					defer res.Body.Close()
					b, err := io.ReadAll(res.Body)
					if res.StatusCode != c.status || (err != nil) != c.cut || !c.cut && string(b) != c.body {
						t.Errorf("got %d, %d bytes, %v, want %d, %d bytes, cut: %t", res.StatusCode, len(b), err, c.status, len(c.body), c.cut)
					}
				})
			})
		}
	}
}
