package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/middleware"
)

// long is how long a test waits for what does not come.
const long = time.Second

const (
	notTold  = "not told"
	notThere = "the request does not arrive"

	// A proxy that has not read all of the response resets the connection as it closes it.
	cutOff = "closed in response or reset in response"

	// HAProxy may end the stream of an upload in good order: then the read fails because the
	// Content-Length is not there.
	upload2 = "stream_reset in request or reset in request or no abort: 400 or stream_reset in handler or reset in handler"
)

// row is what the server is told of clients that leave behind one proxy.
type row struct {
	variant, path string
	http1, http2  string // by the protocol of the client; " or " is between what may come
}

// With nginx 1.22.1 as Debian 12 has it.
func TestBehind_Nginx(t *testing.T) {
	measure(t, func(t *testing.T, upstream string) map[string]addresses {
		return run(t, "nginx", []string{"-c"}, `
daemon off; master_process off; pid DIR/pid; error_log stderr crit;
events {}
http {
	access_log off; proxy_http_version 1.1; proxy_set_header Connection '';
	client_body_temp_path DIR; proxy_temp_path DIR; fastcgi_temp_path DIR; uwsgi_temp_path DIR; scgi_temp_path DIR;
	`, `server { listen HTTP1; listen HTTP2 http2; OPTION location / { proxy_pass http://`+upstream+`; } }
	`, "\n}", map[string]string{
			"default":             "",
			"ignore_client_abort": "proxy_ignore_client_abort on;",
			"unbuffered":          "proxy_buffering off; proxy_request_buffering off;",
		})
	}, []row{
		{"default", "/wait", "closed in handler", "closed in handler"},
		{"default", "/stream", cutOff, cutOff},
		{"default", "/upload", notThere, notThere},
		{"ignore_client_abort", "/wait", notTold, notTold},
		{"ignore_client_abort", "/stream", cutOff, cutOff},
		{"unbuffered", "/wait", "closed in handler", "closed in handler"},
		{"unbuffered", "/stream", cutOff, cutOff},
		{"unbuffered", "/upload", "closed in request", "closed in request"},
	})
}

// With HAProxy 2.6.12 as Debian 12 has it.
func TestBehind_HAProxy(t *testing.T) {
	measure(t, func(t *testing.T, upstream string) map[string]addresses {
		return run(t, "haproxy", []string{"-f"}, `
defaults
	mode http
	timeout connect 5s
	timeout client 1m
	timeout server 1m
`, `
listen NAME
	bind HTTP1
	bind HTTP2 proto h2
	OPTION
	server s `+upstream+` PROTO
`, "", map[string]string{
			"default":      "",
			"abortonclose": "option abortonclose",
			"h2":           "option abortonclose",
		})
	}, []row{
		{"default", "/wait", notTold, "closed in handler or reset in handler"},
		{"default", "/stream", cutOff, cutOff},
		{"default", "/upload", "closed in request or reset in request", "closed in request or reset in request"},
		{"abortonclose", "/wait", "closed in handler or reset in handler", "closed in handler or reset in handler"},
		{"abortonclose", "/stream", cutOff, cutOff},
		{"abortonclose", "/upload", "closed in request or reset in request", "closed in request or reset in request"},
		// The requests share a connection to the server, which HAProxy resets at times.
		{"h2", "/wait", "stream_reset in handler or reset in handler", "stream_reset in handler or reset in handler"},
		{"h2", "/stream", "stream_reset in response or reset in response", "stream_reset in response or reset in response"},
		{"h2", "/upload", upload2, upload2},
	})
}

func TestBehind_ReverseProxy(t *testing.T) {
	measure(t, func(t *testing.T, upstream string) map[string]addresses {
		all := map[string]addresses{}
		for _, variant := range []string{"default", "h2"} {
			tr := &http.Transport{Protocols: new(http.Protocols)}
			tr.Protocols.SetHTTP1(variant == "default")
			tr.Protocols.SetUnencryptedHTTP2(variant == "h2")
			t.Cleanup(tr.CloseIdleConnections)
			addr := serve(t, &http.Server{Handler: &httputil.ReverseProxy{
				Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: upstream}) },
				Transport: tr, FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0),
			}})
			all[variant] = addresses{addr, addr}
		}
		return all
	}, []row{
		{"default", "/wait", "closed in handler", "closed in handler"},
		{"default", "/stream", cutOff, cutOff},
		{"default", "/upload", "closed in request", "closed in request"},
		{"h2", "/wait", "stream_reset in handler", "stream_reset in handler"},
		{"h2", "/stream", "stream_reset in response", "stream_reset in response"},
		{"h2", "/upload", "stream_reset in request", "stream_reset in request"},
	})
}

// measure has clients leave behind a proxy of the program.
func measure(t *testing.T, proxy func(t *testing.T, upstream string) map[string]addresses, rows []row) {
	t.Parallel()
	s := &server{}
	life := middleware.New(middleware.Options{OnEnd: func(r *http.Request, o middleware.Outcome) {
		s.of(r.Header.Get("Test")).ended <- o
	}})
	h := router(life)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		under := s.of(r.Header.Get("Test")).underWay
		switch r.URL.Path {
		case "/wait":
			under()
		case "/stream":
			w = &flushing{w, under}
		case "/upload":
			r.Body = &arriving{ReadCloser: r.Body, second: under}
		}
		h.ServeHTTP(w, r)
	})}
	life.Attach(srv)
	at := proxy(t, serve(t, srv))
	t.Run("clients", func(t *testing.T) {
		for _, row := range rows {
			for proto, want := range map[string]string{"HTTP/1.1": row.http1, "HTTP/2": row.http2} {
				t.Run(row.variant+row.path+" "+proto, func(t *testing.T) {
					t.Parallel()
					patience := 30 * time.Second
					if want == notTold || want == notThere {
						patience = long
					}
					if got := s.leave(t, at[row.variant], proto, row.path, patience); !slices.Contains(strings.Split(want, " or "), got) {
						t.Errorf("a client leaves, and the server says %q, want %q", got, want)
					}
				})
			}
		}
	})
}

// server has what becomes of each request, by its field Test.
type server struct{ requests sync.Map }

type request struct {
	arrived  chan struct{} // it is under way: in the middle of what its path is for
	underWay func()
	ended    chan middleware.Outcome
}

func (s *server) of(test string) *request {
	arrived := make(chan struct{})
	r, _ := s.requests.LoadOrStore(test, &request{arrived, sync.OnceFunc(func() { close(arrived) }), make(chan middleware.Outcome, 1)})
	return r.(*request)
}

// flushing calls first when something was flushed.
type flushing struct {
	http.ResponseWriter
	first func()
}

func (f *flushing) Unwrap() http.ResponseWriter { return f.ResponseWriter }
func (f *flushing) Flush()                      { _ = f.FlushError() }
func (f *flushing) FlushError() error {
	defer f.first()
	return http.NewResponseController(f.ResponseWriter).Flush()
}

// arriving calls second when more than one read was asked for.
type arriving struct {
	io.ReadCloser
	reads  int
	second func()
}

func (a *arriving) Read(p []byte) (int, error) {
	if a.reads++; a.reads > 1 {
		a.second()
	}
	return a.ReadCloser.Read(p)
}

// leave sends a request, leaves when it is under way, and gives what the server is told.
func (s *server) leave(t *testing.T, a addresses, proto, path string, patience time.Duration) string {
	visit := visitHTTP1
	if proto == "HTTP/2" {
		visit = visitHTTP2
	}
	gone := visit(t, a, path)
	r := s.of(t.Name())
	select {
	case <-r.arrived:
	case <-time.After(patience):
		gone()
		return notThere
	}
	gone()
	select {
	case o := <-r.ended:
		if o.Abort == nil {
			return fmt.Sprint("no abort: ", o.Status)
		}
		return fmt.Sprintf("%s in %s", o.Abort.Reason, o.Abort.Stage)
	case <-time.After(patience):
		return notTold
	}
}

// size is that of an upload, half of which is sent.
const size = 20_000

func visitHTTP1(t *testing.T, a addresses, path string) (leave func()) {
	c, err := net.Dial("tcp", a.http1)
	if err != nil {
		t.Fatal(err)
	}
	head := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: example.com\r\nTest: %s\r\n\r\n", path, t.Name())
	if path == "/upload" {
		head = fmt.Sprintf("POST %s HTTP/1.1\r\nHost: example.com\r\nTest: %s\r\nContent-Length: %d\r\n\r\n", path, t.Name(), size)
		head += strings.Repeat("x", size/2)
	}
	if _, err := io.WriteString(c, head); err != nil {
		t.Error(err)
	}
	return func() { _ = c.Close() }
}

func visitHTTP2(t *testing.T, a addresses, path string) (leave func()) {
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	ctx, cancel := context.WithCancel(t.Context())
	half, w := io.Pipe()
	method, body := "GET", io.Reader(nil)
	if path == "/upload" {
		method, body = "POST", io.MultiReader(strings.NewReader(strings.Repeat("x", size/2)), half)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+a.http2+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Test", t.Name())
	if path == "/upload" {
		r.ContentLength = size
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if res, err := tr.RoundTrip(r); err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	}()
	return func() {
		cancel()
		<-done
		_ = w.Close()
		tr.CloseIdleConnections()
	}
}
