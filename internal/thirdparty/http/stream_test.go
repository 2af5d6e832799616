package thirdparty_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/rs/zerolog"
	"github.com/rs/zerolog/hlog"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// all is every recorder, one in the other.
func all(notes chan<- note) around {
	return func(h http.Handler) http.Handler {
		for _, n := range recorders {
			h = n.put(notes)(h)
		}
		return h
	}
}

// Events go through every neighbour as they are flushed.
func TestSSE(t *testing.T) {
	type end struct {
		name   string
		do     func(w http.ResponseWriter, r *http.Request)
		leave  bool
		cut    bool
		status int
	}
	for _, e := range []end{
		{"handler returns", func(http.ResponseWriter, *http.Request) {}, false, false, 200},
		{"client leaves", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, true, true, 200},
		{"Exit 503", exits(503), false, false, 200},
		{"Exit 444", exits(444), false, true, 200},
		{"Send", func(_ http.ResponseWriter, r *http.Request) { _ = eof.Send(r.Context()) }, false, false, 200},
	} {
		t.Run(e.name, func(t *testing.T) {
			each(t, func(t *testing.T, p pipenet.Proto, at place) {
				next, causes := make(chan struct{}), make(chan error, 1)
				notes := make(chan note, 8)
				s := start(t, p, at, all(notes), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "text/event-stream")
					for i := range 3 {
						fmt.Fprintf(w, "data: %d\n\n", i)
						if err := flush(w); err != nil {
							t.Errorf("Flush() = %v, want nil", err)
						}
						<-next
					}
					e.do(w, r)
					causes <- context.Cause(r.Context())
				}))
				call := s.Begin(s.NewRequest("GET", "/", nil))
				res, err := call.Wait()
				if err != nil {
					t.Fatalf("the stream begins with %v, want a header", err)
				}
				in := bufio.NewReader(res.Body)
				for i := range 3 {
					line, err := in.ReadString('\n')
					blank, _ := in.ReadString('\n')
					if want := fmt.Sprintf("data: %d\n", i); line != want || blank != "\n" {
						t.Fatalf("event = %q, %v, want %q", line, err, want)
					}
					next <- struct{}{}
				}
				if e.leave {
					call.Cancel()
				}
				if rest, err := io.ReadAll(in); len(rest) > 0 || (err != nil) != e.cut {
					t.Errorf("the stream ends with %q, %v, want nothing, an error: %t", rest, err, e.cut)
				}
				o := take(t, s.ended, "OnEnd")
				if o.Status != e.status || o.Bytes != 27 || (o.Abort != nil) != e.leave {
					t.Errorf("Outcome = %+v, want %d, 27 bytes, abort %t", o, e.status, e.leave)
				}
				if cause := take(t, causes, "Cause"); e.leave && !errors.Is(cause, abort.ErrClientAborted) {
					t.Errorf("Cause = %v, want %v", cause, abort.ErrClientAborted)
				}
				for range recorders {
					if n := take(t, notes, "note"); n != (note{200, 27}) {
						t.Errorf("note = %+v, want 200 and 27 bytes", n)
					}
				}
			})
		})
	}
}

type text = wrapperspb.StringValue

// Streams of Connect and of gRPC, with its trailers, on both protocols.
func TestConnect(t *testing.T) {
	for _, opts := range [][]connect.ClientOption{nil, {connect.WithGRPC()}, {connect.WithGRPCWeb()}} {
		each(t, func(t *testing.T, p pipenet.Proto, at place) {
			if p == pipenet.HTTP1 && len(opts) > 0 {
				return // gRPC wants HTTP/2
			}
			causes, notes := make(chan error, 1), make(chan note, 32)
			h := connect.NewServerStreamHandler("/stream", func(ctx context.Context, r *connect.Request[text], s *connect.ServerStream[text]) error {
				for _, word := range strings.Fields(r.Msg.Value) {
					switch word {
					case "wait":
						<-ctx.Done()
						causes <- context.Cause(ctx)
						return ctx.Err()
					case "exit":
						exits(444)(nil, new(http.Request).WithContext(ctx))
					case "fail":
						return connect.NewError(connect.CodeNotFound, errors.New("on purpose"))
					}
					if err := s.Send(&text{Value: word}); err != nil {
						return err
					}
				}
				return nil
			})
			s := start(t, p, at, all(notes), h)
			client := connect.NewClient[text, text](s.Client, s.URL()+"/stream", opts...)
			for _, c := range []struct {
				say  string
				want []string
				code connect.Code // 0: none
			}{
				{"to be or", []string{"to", "be", "or"}, 0},
				{"to be fail", []string{"to", "be"}, connect.CodeNotFound},
				{"to be wait", []string{"to", "be"}, connect.CodeCanceled},
				{"to be exit", []string{"to", "be"}, connect.CodeUnavailable},
			} {
				ctx, cancel := context.WithCancel(t.Context())
				got, err := receive(ctx, cancel, client, c.say)
				code := connect.CodeOf(err)
				if err == nil {
					code = 0
				}
				cut := c.say == "to be exit" && err != nil // each protocol has its own words for that
				if !slices.Equal(got, c.want) || code != c.code && !cut {
					t.Errorf("%q gives %q, %v, want %q, %v", c.say, got, err, c.want, c.code)
				}
				cancel()
				o := take(t, s.ended, "OnEnd")
				if left := c.code == connect.CodeCanceled; o.Status != 200 || (o.Abort != nil) != left {
					t.Errorf("%q: Outcome = %+v, want 200, abort %t", c.say, o, left)
				} else if left {
					if cause := take(t, causes, "Cause"); !errors.Is(cause, abort.ErrClientAborted) {
						t.Errorf("Cause = %v, want %v", cause, abort.ErrClientAborted)
					}
				}
			}
		})
	}
}

// receive reads a stream to its end; of one that waits it leaves after "be".
func receive(ctx context.Context, leave func(), c *connect.Client[text, text], say string) (got []string, err error) {
	stream, err := c.CallServerStream(ctx, connect.NewRequest(&text{Value: say}))
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	for stream.Receive() {
		if got = append(got, stream.Msg().Value); len(got) == 2 && strings.HasSuffix(say, "wait") {
			leave()
		}
	}
	return got, stream.Err()
}

// The other handlers of hlog add what they know of request and response.
func TestHlog(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, at place) {
		var log bytes.Buffer
		chain := func(h http.Handler) http.Handler {
			for _, m := range []around{
				hlog.EtagHandler("etag"), hlog.ResponseHeaderHandler("kind", "Content-Type"), hlog.CustomHeaderHandler("custom", "X-Custom"),
				hlog.RequestIDHandler("id", "Request-Id"), hlog.ProtoHandler("proto"), hlog.HTTPVersionHandler("version"), hlog.HostHandler("host"),
				hlog.RefererHandler("referer"), hlog.UserAgentHandler("agent"), hlog.RemoteIPHandler("ip"), hlog.RemoteAddrHandler("addr"),
				hlog.RequestHandler("request"), hlog.MethodHandler("method"), hlog.URLHandler("url"),
			} {
				h = m(h)
			}
			line := func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					next.ServeHTTP(w, r)
					hlog.FromRequest(r).Info().Msg("")
				})
			}
			return hlog.NewHandler(zerolog.New(&log))(line(h))
		}
		s := start(t, p, at, chain, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Etag", `"tag"`)
			w.Header().Set("Content-Type", "text/plain")
			hello(w, r)
		}))
		r := s.NewRequest("GET", "/path", nil)
		r.Header.Set("X-Custom", "custom")
		r.Header.Set("Referer", "referer")
		a := read(s.Do(r))
		a.is(t, "answer", 200, "hello")
		s.status(t, 200)
		for _, want := range []string{
			`"etag":"tag"`, `"kind":"text/plain"`, `"custom":"custom"`, `"id":"` + a.header.Get("Request-Id") + `"`, `"proto":"HTTP/`,
			`"referer":"referer"`, `"agent":"Go-http-client`, `"request":"GET /path"`, `"method":"GET"`, `"url":"/path"`, `"host":"example.com"`,
		} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("log line = %s, want %s in it", log.String(), want)
			}
		}
	})
}
