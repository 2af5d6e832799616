package middleware_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

type userKey struct{}

// session sets a cookie when the status is said, from what the handler has put
// into the context of *r, as those do that are built on gorilla's sessions.
type session struct {
	http.ResponseWriter
	r    *http.Request
	said bool
}

func (s *session) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *session) WriteHeader(status int) {
	if user, ok := s.r.Context().Value(userKey{}).(string); ok && !s.said {
		s.Header().Set("Set-Cookie", "user="+user)
	}
	s.said = true
	s.ResponseWriter.WriteHeader(status)
}

func (s *session) Write(p []byte) (int, error) {
	if !s.said {
		s.WriteHeader(http.StatusOK)
	}
	return s.ResponseWriter.Write(p)
}

// What a handler leaves in *r is there for those outside, as without lastbyte:
// when the status is said, and when the handler has returned.
func TestTransparency_WhatHandlersLeaveInTheRequest(t *testing.T) {
	pass := exitcode.Phase(func(http.ResponseWriter, *http.Request) exitcode.Code { return exitcode.OK })
	for name, chain := range map[string]func(l *middleware.Lifecycle, outer func(http.Handler) http.Handler, h http.Handler) http.Handler{
		"outside Handler": func(l *middleware.Lifecycle, outer func(http.Handler) http.Handler, h http.Handler) http.Handler {
			return outer(l.Handler(h))
		},
		"outside Detach": func(l *middleware.Lifecycle, outer func(http.Handler) http.Handler, h http.Handler) http.Handler {
			return outer(l.Detach(h))
		},
		"outside both": func(l *middleware.Lifecycle, outer func(http.Handler) http.Handler, h http.Handler) http.Handler {
			return outer(l.Handler(l.Detach(h)))
		},
		"between": func(l *middleware.Lifecycle, outer func(http.Handler) http.Handler, h http.Handler) http.Handler {
			return l.Handler(outer(pass(l.Detach(h))))
		},
	} {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				outer := func(next http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						next.ServeHTTP(&session{ResponseWriter: w, r: r}, r)
						ctx := r.Context()
						if v := ctx.Value(userKey{}); v != "bob" {
							t.Errorf("%s: the value outside is %v, want bob", r.URL, v)
						}
						code, exited := exitcode.From(ctx) // between two layers: the exit has ended this one, too
						if err, cause := ctx.Err(), context.Cause(ctx); (err != nil || cause != nil) && !(exited && code == 404) {
							t.Errorf("%s: the context outside has ended: %v, %v", r.URL, err, cause)
						}
						if r.RemoteAddr != "192.0.2.7:1" || r.Method != "PUT" || r.Host != "inside" || r.URL.Path != "/inside" {
							t.Errorf("outside it is %s %s%s from %s, want PUT inside/inside from 192.0.2.7:1", r.Method, r.Host, r.URL, r.RemoteAddr)
						}
					})
				}
				life := newLife(t, middleware.Options{})
				s := pipenet.Start(t, p, chain(life, outer, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					*r = *r.WithContext(context.WithValue(r.Context(), userKey{}, "bob"))
					how := r.URL.Path
					r.RemoteAddr, r.Method, r.Host, r.URL = "192.0.2.7:1", "PUT", "inside", &url.URL{Path: "/inside"}
					switch how {
					case "/write":
						io.WriteString(w, "hello")
					case "/send":
						_ = eof.Send(r.Context()) // ErrNotDetached where it is not
					case "/exit":
						exitcode.Exit(r.Context(), 404)
					}
				})))
				for _, path := range []string{"/write", "/return", "/send", "/exit"} {
					res, err := s.Get(path)
					answer(t, res, err)
					if c := res.Header.Get("Set-Cookie"); c != "user=bob" && path != "/return" && path != "/send" {
						t.Errorf("%s: Set-Cookie is %q, want user=bob", path, c)
					}
				}
			})
		})
	}
}

// A context outside that has got the values of one inside keeps its own cause: the key
// by which package context asks for it is not looked up inside. The type of that key
// was read in context.go of Go 1.26.8 and 1.27.3.
func TestTransparency_CarriedContextKeepsItsCause(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		errOutside := errors.New("ended outside")
		life := newLife(t, middleware.Options{})
		h := m.wrap(life, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			*r = *r.WithContext(context.WithValue(r.Context(), userKey{}, "bob"))
		}))
		s := pipenet.Start(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancelCause(r.Context())
			r = r.WithContext(ctx)
			h.ServeHTTP(w, r)
			cancel(errOutside)
			if v, cause := r.Context().Value(userKey{}), context.Cause(r.Context()); v != "bob" || cause != errOutside {
				t.Errorf("outside: value %v, cause %v, want bob, %v", v, cause, errOutside)
			}
		}))
		res, err := s.Get("/")
		answer(t, res, err)
	})
}
