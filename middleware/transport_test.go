package middleware_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// upgraded makes each request state HTTP/1.1 to h, as the request of an h2c
// upgrade does, whose writer is the HTTP/2 server's.
func upgraded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(r.Context())
		r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
		h.ServeHTTP(w, r)
	})
}

// The protocol is the writer's, not the request's. What
// drops such a request resets its stream; the others of the connection live on.
func TestTransport_UpgradedRequestDropsItsStreamAlone(t *testing.T) {
	for _, m := range mounts {
		for _, wrapped := range []bool{false, true} {
			for _, code := range []exitcode.Code{exitcode.Close, 413} {
				t.Run(m.name, func(t *testing.T) {
					pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
						if p == pipenet.HTTP2 {
							dropsItsStreamAlone(t, m, wrapped, code)
						}
					})
				})
			}
		}
	}
}

func dropsItsStreamAlone(t *testing.T, m mount, wrapped bool, code exitcode.Code) {
	begun, release := make(chan struct{}, 1), make(chan struct{})
	life := newLife(t, middleware.Options{})
	h := m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/exit" {
			exitcode.Exit(r.Context(), code)
			return
		}
		begun <- struct{}{}
		<-release
		io.WriteString(w, "whole")
	}))
	s := pipenet.Start(t, pipenet.HTTP2, upgraded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wrapped {
			w = struct {
				bare
				unwrapper
			}{bare{w}, unwrapper{w}}
		}
		h.ServeHTTP(w, r)
	})), func(srv *http.Server) { life.Attach(srv) })
	call := s.Begin(s.NewRequest("GET", "/long", nil))
	take(t, begun, "the long request")
	switch res, err := s.Get("/exit"); {
	case code == exitcode.Close && err == nil:
		t.Errorf("Get() = %d, want the stream reset", res.StatusCode)
	case code != exitcode.Close && err != nil:
		t.Errorf("Get() = %v, want %d", err, code)
	case err == nil:
		res.Body.Close()
	}
	close(release)
	res, err := call.Wait()
	if status, text := answer(t, res, err); status != 200 || text != "whole" {
		t.Errorf("the other stream's answer = %d %q, want 200 whole", status, text)
	}
	if n := len(s.Conns()); n != 1 {
		t.Errorf("%d connections, want 1: that of the dropped stream serves on", n)
	}
}
