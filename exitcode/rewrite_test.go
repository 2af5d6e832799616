package exitcode_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

type userKey struct{}

// userIn is what the rewrites of these tests put into a context.
func userIn(ctx context.Context) any { return ctx.Value(userKey{}) }

func withUser(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), userKey{}, "bob"))
}

func TestRewrite_HandsOn(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for name, c := range map[string]struct {
			fn   func(http.ResponseWriter, *http.Request) (*http.Request, error)
			want string
		}{
			"a context": {func(_ http.ResponseWriter, r *http.Request) (*http.Request, error) { return withUser(r), nil }, "bob /a"},
			"a clone": {func(_ http.ResponseWriter, r *http.Request) (*http.Request, error) {
				return r.Clone(context.WithValue(r.Context(), userKey{}, "eve")), nil
			}, "eve /a"},
			"nil":      {func(http.ResponseWriter, *http.Request) (*http.Request, error) { return nil, nil }, "<nil> /a"},
			"the same": {func(_ http.ResponseWriter, r *http.Request) (*http.Request, error) { return r, nil }, "<nil> /a"},
			"in place": {func(_ http.ResponseWriter, r *http.Request) (*http.Request, error) {
				*r = *withUser(r)
				return nil, nil
			}, "bob /a"},
			"a path": {func(_ http.ResponseWriter, r *http.Request) (*http.Request, error) {
				r2 := r.Clone(r.Context())
				r2.URL.Path = "/b"
				return r2, nil
			}, "<nil> /b"},
			"Throw(OK)": {func(_ http.ResponseWriter, r *http.Request) (*http.Request, error) {
				exitcode.Throw(r.Context(), exitcode.OK)
				return nil, errSecret
			}, "<nil> /a"},
		} {
			s := start(t, p, func(h http.Handler) http.Handler { return in(exitcode.Rewrite(c.fn)(h)) }, func(w http.ResponseWriter, r *http.Request) {
				isErr(t, "ctx.Err()", r.Context().Err(), nil)
				if _, ok := exitcode.Cause(r.Context()); ok {
					t.Errorf("%s: there is an exit", name)
				}
				b, err := io.ReadAll(r.Body)
				fmt.Fprintf(w, "%v %s%s", userIn(r.Context()), r.URL.Path, b)
				isErr(t, name+": body", err, nil)
			})
			s.get("/a").is(t, name, 200, c.want)
			s.do(s.NewRequest("POST", "/a", strings.NewReader(", body"))).is(t, name+", POST", 200, c.want+", body")
			s.recorded(200)
			s.same()
			check(t, name+": log", s.Logs(), "")
		}
	})
}

// An error ends the request by the rule of Handler, whatever the request is.
func TestRewrite_Errors(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for _, c := range told {
			rewrite := exitcode.Rewrite(func(w http.ResponseWriter, r *http.Request) (*http.Request, error) {
				w.Header().Set("Www-Authenticate", "Bearer")
				return withUser(r), c.err
			})
			s := start(t, p, func(h http.Handler) http.Handler { return in(rewrite(h)) },
				func(http.ResponseWriter, *http.Request) { t.Errorf("%s: the next handler runs", c.name) })
			a := s.get("/a")
			a.is(t, c.name, c.status, c.body)
			check(t, c.name+", header", a.header.Get("Www-Authenticate"), "Bearer")
			s.recorded(c.status)
			synctest.Wait()
			if log := s.Logs(); !strings.Contains(log, c.log) || strings.Count(log, "\n") != min(1, len(c.log)) {
				t.Errorf("%s: log = %q, want %q in one line, or nothing", c.name, log, c.log)
			}
		}
	})
}

// fn may end the request itself, by what ends one elsewhere.
func TestRewrite_Ends(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		ran := make(chan bool, 10)
		rewrite := exitcode.Rewrite(func(w http.ResponseWriter, r *http.Request) (*http.Request, error) {
			switch r.URL.Path {
			case "/exit":
				isErr(t, "Exit", exitcode.Exit(r.Context(), 403), nil)
			case "/exit-error":
				isErr(t, "Exit", exitcode.Exit(r.Context(), 403), nil)
				return nil, exitcode.Code(404).Err()
			case "/throw":
				exitcode.Throw(r.Context(), 403)
			case "/444":
				exitcode.Throw(r.Context(), exitcode.Close)
			case "/abort":
				panic(http.ErrAbortHandler)
			}
			io.WriteString(w, "rewrite, ")
			return withUser(r), nil
		})
		s := start(t, p, func(h http.Handler) http.Handler { return in(rewrite(h)) },
			func(w http.ResponseWriter, r *http.Request) { ran <- true; io.WriteString(w, "handler") })
		for _, path := range []string{"/exit", "/exit-error", "/throw"} {
			s.get(path).is(t, path, 403, "403 Forbidden\n")
		}
		s.same()
		s.nothing("/444")
		s.nothing("/abort")
		check(t, "runs of the handler", len(ran), 0)
		s.get("/").is(t, "goes on after a write", 200, "rewrite, handler")
		check(t, "log", s.Logs(), "")
	})
}

// After Send the next handler runs, with what fn hands on, as after a Phase that has
// sent.
func TestX18_PhaseAfterSend(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		sends := func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "got it")
			isErr(t, "Send", eof.Send(r.Context()), nil)
			switch r.URL.Path {
			case "/throw":
				exitcode.Throw(r.Context(), exitcode.OK)
			case "/403":
				exitcode.Throw(r.Context(), 403)
			}
		}
		for name, phase := range map[string]wrap{
			"Phase": exitcode.Phase(func(w http.ResponseWriter, r *http.Request) exitcode.Code {
				sends(w, r)
				return pathCode(r)
			}),
			"Rewrite": exitcode.Rewrite(func(w http.ResponseWriter, r *http.Request) (*http.Request, error) {
				sends(w, r)
				return withUser(r), pathCode(r).Err()
			}),
		} {
			b := background(t)
			ran := make(chan any, 1)
			s := start(t, p, func(h http.Handler) http.Handler { return b.Detach(phase(h)) }, func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(time.Second)
				isErr(t, "ctx.Err()", r.Context().Err(), nil)
				ran <- userIn(r.Context())
			})
			for _, path := range []string{"/0", "/throw"} {
				s.get(path).is(t, name+path, 200, "got it")
				time.Sleep(time.Minute)
				want := any(nil)
				if name == "Rewrite" && path == "/0" {
					want = "bob"
				}
				if len(ran) != 1 {
					t.Fatalf("%s%s: the next handler has not run", name, path)
				}
				check(t, name+path+", user", <-ran, want)
			}
			s.get("/401").is(t, name+"/401", 200, "got it")
			time.Sleep(time.Minute)
			check(t, name+"/401: runs of the next handler", len(ran), 0)
			check(t, name+": Stats()", b.Stats(), eof.Stats{Done: 3})
			check(t, name+": log", s.Logs(), "")
			s.same()
		}
	})
}

// What is found inside is seen outside, between lastbyte's middlewares and around them.
func TestRewrite_CarriesBack(t *testing.T) {
	look := func(seen chan<- string, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				_ = recover()
				seen <- fmt.Sprintf("%s %s %s %s %v", r.Pattern, r.PathValue("id"), r.PathValue("mine"), r.Form.Get("q"), r.URL.Path)
			}()
			next.ServeHTTP(w, r)
		})
	}
	rewrite := exitcode.Rewrite(func(_ http.ResponseWriter, r *http.Request) (*http.Request, error) {
		r = r.Clone(context.WithValue(r.Context(), userKey{}, "bob"))
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/api")
		return r, nil
	})
	inside := func(w http.ResponseWriter, r *http.Request) {
		r.SetPathValue("mine", fmt.Sprint(userIn(r.Context())))
		io.WriteString(w, r.FormValue("q"))
		switch r.PathValue("id") {
		case "throw":
			exitcode.Throw(r.Context(), 200)
		case "panic":
			panic(http.ErrAbortHandler)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /item/{id}", inside)
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for _, id := range []string{"7", "throw", "panic"} {
			outside, between, inside := make(chan string, 1), make(chan string, 1), make(chan string, 1)
			s := start(t, p, func(h http.Handler) http.Handler {
				return look(outside, in(look(between, rewrite(look(inside, h)))))
			}, mux.ServeHTTP)
			s.get("/api/item/" + id + "?q=x")
			want := "GET /item/{id} " + id + " bob x "
			check(t, "inside", <-inside, want+"/item/"+id)
			check(t, "around Rewrite", <-between, want+"/api/item/"+id)
			if got := <-outside; id != "throw" { // under Detach an exit may not wait for the handler
				check(t, "around lastbyte", got, want+"/api/item/"+id)
			}
		}
	})
}

// Uploaded files of a form that was parsed inside are removed at the end.
func TestRewrite_UploadedFiles(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		dir := t.TempDir()
		t.Setenv("TMPDIR", dir)
		var body bytes.Buffer
		m := multipart.NewWriter(&body)
		part, err := m.CreateFormFile("file", "name")
		isErr(t, "CreateFormFile", err, nil)
		part.Write([]byte("content"))
		m.Close()
		rewrite := exitcode.Rewrite(func(_ http.ResponseWriter, r *http.Request) (*http.Request, error) { return withUser(r), nil })
		s := start(t, p, func(h http.Handler) http.Handler { return in(cookies(rewrite(h))) }, func(w http.ResponseWriter, r *http.Request) {
			isErr(t, "ParseMultipartForm", r.ParseMultipartForm(0), nil)
			files, _ := os.ReadDir(dir)
			check(t, "files while the handler works", len(files), 1)
			f, _, err := r.FormFile("file")
			isErr(t, "FormFile", err, nil)
			io.Copy(w, f)
			f.Close()
		})
		r := s.NewRequest("POST", "/", &body)
		r.Header.Set("Content-Type", m.FormDataContentType())
		s.do(r).is(t, "POST", 200, "content")
		synctest.Wait()
		files, _ := os.ReadDir(dir)
		check(t, "files after the request", len(files), 0)
	})
}

func TestRewrite_NilFunc(t *testing.T) {
	t.Parallel()
	defer func() {
		if v := recover(); v != "exitcode.Rewrite: nil function" {
			t.Errorf("Rewrite(nil): panic %v", v)
		}
	}()
	exitcode.Rewrite(nil)
}
