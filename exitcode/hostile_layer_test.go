package exitcode_test

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// towers puts h into three lastbyte layers, with a compressor outside of all and
// between them, or with Detach in one of the three places.
func towers(t *testing.T) map[string]wrap {
	l := func() wrap { return exitcode.New(exitcode.Options{}) }
	d := func() wrap { return background(t).Detach }
	chain := func(ws ...wrap) wrap {
		return func(h http.Handler) http.Handler {
			for i := len(ws) - 1; i >= 0; i-- {
				h = ws[i](h)
			}
			return h
		}
	}
	return map[string]wrap{
		"early, L, late, L, cookies, L":  chain(gzips(true), l(), cookies, l(), cookies, l()),
		"L, late, L, cookies, L":         chain(l(), gzips(false), l(), cookies, l()),
		"early, D, cookies, L":           chain(gzips(true), d(), cookies, l()),
		"D, early, L, cookies, L":        chain(d(), gzips(true), l(), cookies, l()),
		"D, late, L":                     chain(d(), gzips(false), l()),
		"L, early, D, cookies, L":        chain(l(), gzips(true), d(), cookies, l()),
		"L, cookies, D, late, L":         chain(l(), cookies, d(), gzips(false), l()),
		"L, cookies, L, early, D":        chain(l(), cookies, l(), gzips(true), d()),
		"L, buffer, D, early, L, meters": chain(l(), buffers, d(), gzips(true), l()),
		"L, hides, D, hides, L":          chain(l(), hides, d(), hides, l()),
	}
}

func TestHostile_LayerEndings(t *testing.T) {
	type end struct {
		name   string
		f      func(w http.ResponseWriter, r *http.Request)
		status int
		body   string
	}
	stubborn := func(r *http.Request) {
		_, _ = thread.Spawn(r.Context(), func(context.Context) error { time.Sleep(time.Second); return nil })
	}
	for _, e := range []end{
		{"exit with a stubborn thread", func(w http.ResponseWriter, r *http.Request) {
			stubborn(r)
			_ = exitcode.Exit(r.Context(), 404)
		}, 404, page404},
		{"exit, then ErrAbortHandler", func(w http.ResponseWriter, r *http.Request) {
			_ = exitcode.Exit(r.Context(), 404)
			panic(http.ErrAbortHandler)
		}, 404, page404},
		{"throw twice", func(w http.ResponseWriter, r *http.Request) {
			defer exitcode.Throw(r.Context(), 500)
			exitcode.Throw(r.Context(), 404)
		}, 404, page404},
		{"throw OK after a write", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "mine")
			exitcode.Throw(r.Context(), exitcode.OK)
		}, 200, "mine"},
		{"write, exit 200, write", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "mine")
			_ = exitcode.Exit(r.Context(), 200)
		}, 200, "mine"},
		{"status alone, exit the same", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(403)
			_ = exitcode.Exit(r.Context(), 403)
		}, 403, ""},
		{"hints, header, exit", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "</x>")
			w.WriteHeader(103)
			w.Header().Set("Content-Encoding", "br")
			w.Header().Set("Content-Length", "99")
			_ = exitcode.Exit(r.Context(), 404)
		}, 404, page404},
		{"thread exits", func(w http.ResponseWriter, r *http.Request) {
			th, _ := thread.Spawn(r.Context(), func(ctx context.Context) error { return exitcode.Exit(ctx, 404) })
			_ = th
			<-r.Context().Done()
		}, 404, page404},
		{"exit 204", func(w http.ResponseWriter, r *http.Request) { _ = exitcode.Exit(r.Context(), 204) }, 204, ""},
		{"exit 304", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"1"`)
			_ = exitcode.Exit(r.Context(), 304)
		}, 304, ""},
		{"exit 201", func(w http.ResponseWriter, r *http.Request) { _ = exitcode.Exit(r.Context(), 201) }, 201, ""},
		{"flush, exit 200", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "mine")
			_ = http.NewResponseController(w).Flush()
			_ = exitcode.Exit(r.Context(), 200)
		}, 200, "mine"},
	} {
		t.Run(e.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				for name, in := range towers(t) {
					if e.name == "exit, then ErrAbortHandler" && !strings.Contains(name, "D") {
						continue
					}
					s := start(t, p, in, e.f)
					for _, method := range []string{"GET", "HEAD"} {
						a := s.do(s.NewRequest(method, "/", nil))
						if method == "GET" {
							if a = a.decoded(); strings.HasPrefix(a.body, "\x1f\x8b") {
								a = a.decoded() // the second compressor
							}
							a.is(t, name+" GET", e.status, e.body)
						} else if a.err != nil || a.status != e.status || a.body != "" {
							t.Errorf("%s HEAD: got %d, %q, %v, want %d", name, a.status, a.body, a.err, e.status)
						}
						s.recorded(e.status)
						if a.after > 0 && strings.Contains(name, "D") {
							t.Errorf("%s %s: header after %v, want at once", name, method, a.after)
						}
					}
				}
			})
		})
	}
}

// A body that is not whole never looks complete, whoever ended the request. Where a
// buffer still holds all of it, the exit's page is the response.
func TestHostile_LayerCut(t *testing.T) {
	for what, f := range map[string]handlerFunc{
		"abort handler after an exit": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, strings.Repeat("x", 5000))
			_ = http.NewResponseController(w).Flush()
			_ = exitcode.Exit(r.Context(), 503)
			panic(http.ErrAbortHandler)
		},
		"abort handler after a write that the exit refused": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, strings.Repeat("x", 5000))
			_ = http.NewResponseController(w).Flush()
			_ = exitcode.Exit(r.Context(), 503)
			if _, err := io.WriteString(w, "x"); err != nil { // as httputil.ReverseProxy has it
				panic(http.ErrAbortHandler)
			}
		},
		"abort handler": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, strings.Repeat("x", 5000))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
		"444": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, strings.Repeat("x", 5000))
			_ = http.NewResponseController(w).Flush()
			exitcode.Throw(r.Context(), 444)
		},
		"-1 in a deferred function of a panic": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
			defer exitcode.Throw(r.Context(), -1)
			panic(http.ErrAbortHandler)
		},
		"goexit": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
			_ = exitcode.Exit(r.Context(), 444)
			runtime.Goexit()
		},
	} {
		t.Run(what, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				for name, in := range towers(t) {
					s := start(t, p, in, f)
					if a := s.get("/").decoded(); a.err == nil && a.status != 503 {
						t.Errorf("%s: got a whole response, %d with %d bytes, want it cut", name, a.status, len(a.body))
					}
				}
			})
		})
	}
}

// After Send nothing of the response changes, whatever the handler does.
func TestHostile_LayerAfterSend(t *testing.T) {
	for what, f := range map[string]handlerFunc{
		"exit":   func(w http.ResponseWriter, r *http.Request) { _ = exitcode.Exit(r.Context(), 503) },
		"throw":  func(w http.ResponseWriter, r *http.Request) { exitcode.Throw(r.Context(), 444) },
		"abort":  func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) },
		"goexit": func(w http.ResponseWriter, r *http.Request) { runtime.Goexit() },
	} {
		t.Run(what, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				for name, in := range towers(t) {
					if strings.HasPrefix(name, "L") && !strings.Contains(name, "D") || strings.HasPrefix(name, "early, L") || strings.Contains(name, "D, early") || strings.Contains(name, "D, late") {
						continue
					}
					s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
						io.WriteString(w, "mine")
						if err := eof.Send(r.Context()); err != nil {
							t.Errorf("Send = %v", err)
						}
						f(w, r)
					})
					s.get("/").decoded().is(t, name, 200, "mine")
					s.recorded(200)
				}
			})
		})
	}
}
