package eof_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// usual are handlers that do not know of lastbyte.
var usual = map[string]http.HandlerFunc{
	"nothing":      func(http.ResponseWriter, *http.Request) {},
	"small body":   func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>small") },
	"large body":   func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 10000)) },
	"error":        func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusTeapot) },
	"no content":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	"not modified": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
	"redirect":     func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/else", http.StatusFound) },
	"flush":        func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() },
	"streamed": func(w http.ResponseWriter, _ *http.Request) {
		for i := range 3 {
			fmt.Fprint(w, i)
			http.NewResponseController(w).Flush()
			time.Sleep(time.Second)
		}
	},
	"header after the status": func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["X-A"] = []string{"1", "2"}
		w.WriteHeader(http.StatusAccepted)
		w.Header().Set("X-A", "late")
		io.WriteString(w, "body")
		w.Header().Set("X-B", "late")
	},
	"no sniffing": func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		io.WriteString(w, "<html>")
	},
	"early hints": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("X-Final", "1")
		io.WriteString(w, "body")
	},
	"trailers": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		io.WriteString(w, "body")
		w.Header().Set("X-Sum", "abc")
		w.Header().Set(http.TrailerPrefix+"X-Late", "late")
	},
	"trailers taken out again": func(w http.ResponseWriter, _ *http.Request) {
		for _, name := range []string{"X-Sum", "X-Kept", http.TrailerPrefix + "X-Late", http.TrailerPrefix + "X-Kept-Too"} {
			w.Header().Set(name, "abc")
		}
		w.Header().Set("Trailer", "X-Sum, X-Kept")
		io.WriteString(w, "body")
		w.(http.Flusher).Flush()
		w.Header().Del("X-Sum")
		delete(w.Header(), http.TrailerPrefix+"X-Late")
	},
	"status after a hijack": func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		w.Header().Set("Content-Length", "x")
		w.WriteHeader(http.StatusAccepted)
		if err == nil {
			fmt.Fprint(c, w.Header())
			c.Close()
		}
	},
	"switching protocols": func(w http.ResponseWriter, _ *http.Request) { // no last status on HTTP/2
		w.WriteHeader(http.StatusSwitchingProtocols)
		w.Header().Set("X-A", "1")
		w.Header().Set("Trailer", "X-Sum")
		w.WriteHeader(http.StatusAccepted)
		w.Header().Set("X-Sum", "abc")
	},
	"content length": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "4")
		io.WriteString(w, "body and more")
	},
	"short of the content length": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "body")
	},
	"connection close": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		io.WriteString(w, "body")
	},
	"request echoed": func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) },
	"content served": func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "a.txt", time.Unix(1e9, 0), strings.NewReader("0123456789"))
	},
	"status twice": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		w.WriteHeader(http.StatusTeapot)
	},
	"abort": func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "body")
		panic(http.ErrAbortHandler)
	},
	"abort after a flush": func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "body")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	},
	"goexit": func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "body")
		runtime.Goexit()
	},
}

// A handler that returns without Send leaves what it leaves in net/http, on the
// wire and in the log.
func TestDetach_WithoutSend(t *testing.T) {
	for name, h := range usual {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				b := background(t, eof.Options{})
				for _, method := range []string{"GET", "HEAD", "POST"} {
					want := wire(t, p, method, h)
					for how, wrapped := range map[string]http.Handler{
						"Handler": b.Handler(h), "Detach": b.Detach(h), "Detach in Handler": b.Handler(b.Detach(h)),
					} {
						if got := wire(t, p, method, wrapped); !reflect.DeepEqual(got, want) {
							t.Errorf("%s in %s:\n got %+v\nwant %+v", method, how, got, want)
						}
					}
				}
				wantStats(t, b, eof.Stats{})
			})
		})
	}
}

// seen is all that a client and a log see of a response.
type seen struct {
	text, err, logs string
	header, trailer http.Header
	status          int
	after           time.Duration
}

var changing = regexp.MustCompile(`Date: [^\r]*|192\.0\.2\.1:\d+`)

func wire(t *testing.T, p pipenet.Proto, method string, h http.Handler) (v seen) {
	t.Helper()
	s := pipenet.Start(t, p, h)
	start := time.Now()
	if p == pipenet.HTTP1 {
		c := s.Dial()
		io.WriteString(c, method+" / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\n\r\nhello")
		c.SetReadDeadline(time.Now().Add(time.Minute))
		b, err := io.ReadAll(c)
		v.text, v.err = changing.ReplaceAllString(string(b), ""), fmt.Sprint(err)
	} else {
		res, err := s.Do(s.NewRequest(method, "/", strings.NewReader("hello")))
		if err != nil {
			v.err = err.Error()
		} else {
			b, err := io.ReadAll(res.Body)
			v.text, v.err = string(b), fmt.Sprint(err)
			v.status, v.header, v.trailer = res.StatusCode, maps.Clone(res.Header), res.Trailer
			v.header.Del("Date")
		}
	}
	v.after = time.Since(start)
	synctest.Wait()
	v.logs = changing.ReplaceAllString(s.Logs(), "")
	return v
}
