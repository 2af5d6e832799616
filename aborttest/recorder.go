package aborttest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// Recorder is an [httptest.ResponseRecorder] whose client can leave: for handlers
// without a server. The middlewares of lastbyte that a handler needs are around it as
// they are on a server. One Recorder serves one request.
type Recorder struct {
	*httptest.ResponseRecorder

	// Dropped says that the client has got no complete response: it has left, or an exit
	// with -1, 408, 444 or 499 has dropped the request, or a panic with
	// http.ErrAbortHandler. Code then has what is recorded, 444 for instance. It is set
	// when Serve returns.
	Dropped bool

	client, server *pipenet.Conn // the connection that lastbyte knows

	mu     sync.Mutex
	reason abort.Reason       // of Leave, "" before
	cancel context.CancelFunc // of the request's context, nil before Serve
	http2  bool               // the request's protocol
}

// NewRecorder returns a Recorder whose client is there.
func NewRecorder() *Recorder {
	r := &Recorder{ResponseRecorder: httptest.NewRecorder()}
	r.client, r.server = pipenet.Pipe(1)
	return r
}

// Serve has h serve req, in place of h.ServeHTTP(r, req), and waits for it. A panic
// with http.ErrAbortHandler ends in Dropped; others pass on. The protocol is that of
// req, which httptest.NewRequest makes HTTP/1.1; set ProtoMajor to 2 for HTTP/2. It
// panics when it is called a second time.
func (r *Recorder) Serve(h http.Handler, req *http.Request) {
	base, _ := conn.With(req.Context(), pipenet.Teller{Conn: r.server})
	ctx, cancel := context.WithCancel(base)
	defer cancel()
	req = req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = &recordedBody{req.Body, r}
	}
	r.begin(cancel, req.ProtoMajor >= 2)
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			r.Dropped = true
		default:
			panic(v)
		}
		_, _, err := pipenet.Teller{Conn: r.client}.PeerEnd()
		if !r.has("") || err == io.EOF { // it has left, or lastbyte has shut the connection down
			r.Dropped = true
		}
		r.client.Close()
		r.server.Close()
	}()
	h.ServeHTTP(r, req)
}

func (r *Recorder) begin(cancel context.CancelFunc, http2 bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		panic("aborttest: Recorder.Serve: a Recorder serves one request")
	}
	r.cancel, r.http2 = cancel, http2
	if r.reason != "" {
		r.leaveLocked()
	}
}

// Leave makes the client leave, once, before or while Serve runs, from any goroutine.
// The reasons are "closed" and "reset", "stream_reset" for HTTP/2, and two that the
// handler has to come to: "write_failed" is met by its next Write, and "body_truncated"
// by its next read of the request body. It panics for any other reason.
func (r *Recorder) Leave(reason abort.Reason) {
	switch reason {
	case "closed", "reset", "stream_reset", "write_failed", "body_truncated":
	default:
		panic(fmt.Sprintf("aborttest: Recorder.Leave: no client leaves with reason %q", reason))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reason != "" {
		return
	}
	r.reason = reason
	if r.cancel != nil {
		r.leaveLocked()
	}
}

// leaveLocked does what a server would: it ends the context, and the connection has
// ended before.
func (r *Recorder) leaveLocked() {
	switch r.reason {
	case "closed":
		r.client.CloseWrite() // what the handler writes is recorded
	case "reset":
		r.client.Reset()
	case "stream_reset":
		if !r.http2 {
			panic("aborttest: Recorder.Leave: stream_reset of a request that is HTTP/1.1, want ProtoMajor 2")
		}
	default:
		return
	}
	r.cancel()
}

// has reports whether the client has left for reason; "": it has not left.
func (r *Recorder) has(reason abort.Reason) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reason == reason
}

// errWrite is what a Write to a closed connection says.
func errWrite() error {
	client, server := pipenet.Pipe(1)
	client.Close()
	_, err := server.Write([]byte("x"))
	return err
}

// Write is that of the ResponseRecorder, or fails after Leave("write_failed").
func (r *Recorder) Write(b []byte) (int, error) {
	if r.has("write_failed") {
		return 0, errWrite()
	}
	return r.ResponseRecorder.Write(b)
}

// WriteString is Write.
func (r *Recorder) WriteString(s string) (int, error) { return r.Write([]byte(s)) }

// recordedBody is a request body that ends too early after Leave("body_truncated").
type recordedBody struct {
	io.ReadCloser
	r *Recorder
}

func (b *recordedBody) Read(p []byte) (int, error) {
	if b.r.has("body_truncated") {
		return 0, io.ErrUnexpectedEOF
	}
	return b.ReadCloser.Read(p)
}
