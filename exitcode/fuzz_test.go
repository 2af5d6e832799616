package exitcode_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"unicode"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// ways are the functions that take a code, each as a handler that ends with it.
var ways = []struct {
	name string
	end  func(code exitcode.Code) http.Handler
}{
	{"Exit", func(code exitcode.Code) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _ = exitcode.Exit(r.Context(), code) })
	}},
	{"Throw", func(code exitcode.Code) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { exitcode.Throw(r.Context(), code) })
	}},
	{"Phase", func(code exitcode.Code) http.Handler {
		return exitcode.Phase(func(http.ResponseWriter, *http.Request) exitcode.Code { return code })(http.HandlerFunc(silent))
	}},
	{"HeaderFilter", func(code exitcode.Code) http.Handler {
		return exitcode.HeaderFilter(func(*http.Request, int, http.Header) exitcode.Code { return code })(http.HandlerFunc(silent))
	}},
	{"Handler", func(code exitcode.Code) http.Handler {
		return exitcode.Handler(func(http.ResponseWriter, *http.Request) error { return fmt.Errorf("secret: %w", code.Err()) })
	}},
}

func silent(http.ResponseWriter, *http.Request) {}

// FuzzCode: what a function makes of any number.
func FuzzCode(f *testing.F) {
	for i := range ways {
		for _, n := range []int{-2, -1, 0, 1, 100, 199, 200, 204, 299, 302, 304, 404, 408, 444, 499, 599, 600, 999, 1000} {
			f.Add(n, byte(i))
		}
	}
	f.Fuzz(func(t *testing.T, n int, w byte) {
		code, way := exitcode.Code(n), ways[int(w)%len(ways)]
		if got, ok := exitcode.Of(fmt.Errorf("around: %w", code.Err())); got != code || ok != (n != 0) {
			t.Errorf("Of(Code(%d).Err()) = %d, %t, want %d, %t", n, got, ok, n, n != 0)
		}
		if s := code.String(); !strings.HasPrefix(s, strconv.Itoa(n)) || strings.ContainsAny(s, "\r\n") {
			t.Errorf("Code(%d).String() = %q, want it to begin with the number, on one line", n, s)
		}
		want, page := n, code.String()+"\n"
		switch invalid := n < -1 || n > 0 && n < 200 || n > 999; {
		case n == 0 && way.name == "Handler": // an error, though one without a code
			want, page = 500, "500 Internal Server Error\n"
		case invalid && way.name == "Exit", n == 0:
			want, page = 200, "" // nothing has happened; Throw(0) has left the handler
		case invalid && way.name == "Throw":
			want = 0
		case invalid:
			want, page = 500, "500 Internal Server Error\n"
		case n == -1 || n == 408 || n == 444 || n == 499:
			want = 0
		case n < 300 || n == 304:
			page = ""
		}
		got := serveOnce(exitcode.New(exitcode.Options{})(way.end(code)))
		if want == 0 {
			if got != nil {
				t.Errorf("%s(%d) gives %d, want no answer", way.name, n, got.Code)
			}
			return
		}
		if got == nil || got.Code != want || got.Body.String() != page {
			t.Errorf("%s(%d) gives %+v, want %d %q", way.name, n, got, want, page)
		}
	})
}

// serveOnce gives the response of h, nil if it has the connection dropped: a
// recorder has no deadlines, so that is by a panic.
func serveOnce(h http.Handler) (rec *httptest.ResponseRecorder) {
	rec = httptest.NewRecorder()
	defer func() {
		if v := recover(); v == http.ErrAbortHandler {
			rec = nil
		} else if v != nil {
			panic(v)
		}
	}()
	srv := &http.Server{ErrorLog: log.New(io.Discard, "", 0)}
	ctx := context.WithValue(context.Background(), http.ServerContextKey, srv)
	h.ServeHTTP(rec, httptest.NewRequestWithContext(ctx, "GET", "/", nil))
	return rec
}

// FuzzErrorPage: whatever a page puts into its header and body, the client gets
// one response, with no header field that the page did not set.
func FuzzErrorPage(f *testing.F) {
	const split = "x\r\nInjected: yes\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
	f.Add("X-Reason", split, "body", 404, false)
	f.Add(split, "value", split, 503, false)
	f.Add("Transfer-Encoding", "chunked", "0\r\n\r\n"+split, 302, false)
	f.Add("Content-Length", "1", "longer than that", 200, false)
	f.Add("Trailer", "Injected", "\x00\xff\u2028", -1, true)
	f.Add("Connection", "keep-alive, Injected", "ü", 101, true)
	f.Fuzz(func(t *testing.T, key, value, body string, status int, fails bool) {
		if canonical := http.CanonicalHeaderKey(key); canonical == "Injected" || strings.EqualFold(key, "Connection") && strings.Contains(strings.ToLower(value), "upgrade") {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			page := func(w http.ResponseWriter, _ *http.Request, _ exitcode.Code) {
				w.Header().Set(key, value)
				w.WriteHeader(status)
				_, _ = io.WriteString(w, body)
				if fails {
					panic("on purpose")
				}
			}
			h := exitcode.New(exitcode.Options{ErrorPage: page})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_ = exitcode.Exit(r.Context(), 404)
			}))
			s := pipenet.Start(t, pipenet.HTTP1, h, func(srv *http.Server) { srv.ErrorLog = log.New(io.Discard, "", 0) })
			c := s.Dial()
			fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			all, err := io.ReadAll(c)
			head, _, _ := strings.Cut(string(all), "\r\n\r\n")
			if err != nil || strings.Contains(head, "\nInjected:") {
				t.Fatalf("the server says %q, %v, want no field that was not set", all, err)
			}
			in := bufio.NewReader(bytes.NewReader(all))
			res, err := http.ReadResponse(in, nil)
			if err != nil && strings.ContainsFunc(value, unicode.IsControl) {
				return // net/http's client does not read all that its server sends
			} else if err != nil {
				t.Fatalf("ReadResponse() = %v, want one", err)
			}
			want := status
			if fails || status < 200 || status > 999 {
				want = 404
			}
			if got, err := io.ReadAll(res.Body); res.StatusCode != want || err != nil || !fails && want != 204 && want != 304 && string(got) != body {
				t.Errorf("got %d %q, %v, want %d and the page's body", res.StatusCode, got, err, want)
			}
			if res.Header.Get("Injected") != "" || res.Trailer.Get("Injected") != "" {
				t.Errorf("header = %v, trailer = %v, want nothing injected", res.Header, res.Trailer)
			}
			if rest, err := io.ReadAll(in); len(rest) > 0 || err != nil {
				t.Errorf("after the response: %q, %v, want the end of the connection", rest, err)
			}
		})
	})
}

// FuzzOf: errors of any shape, with a code in some place or none.
func FuzzOf(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3}, 404)
	f.Add([]byte{2, 2, 2}, 0)
	f.Fuzz(func(t *testing.T, shape []byte, n int) {
		var err error
		has := false
		for _, b := range shape[:min(len(shape), 50)] {
			switch b % 5 {
			case 0:
				err = fmt.Errorf("wrapped: %w", err)
			case 1:
				err = errors.Join(errors.New("beside"), err)
			case 2:
				err = errors.Join(err, io.EOF)
			case 3:
				if e := exitcode.Code(n).Err(); !has && e != nil {
					err, has = errors.Join(err, e), true
				}
			case 4:
				err = errors.New("covers what was there")
				has = false
			}
		}
		code, ok := exitcode.Of(err)
		if ok != has || ok && int(code) != n {
			t.Errorf("Of(%v) = %d, %t, want %d, %t", err, code, ok, n, has)
		}
		if has && !errors.Is(err, exitcode.Code(n).Err()) {
			t.Errorf("%v is not Code(%d).Err()", err, n)
		}
	})
}
