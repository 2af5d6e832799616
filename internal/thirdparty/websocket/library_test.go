package thirdparty_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	coder "github.com/coder/websocket"
	"github.com/gobwas/ws/wsutil"
	gorilla "github.com/gorilla/websocket"
)

// socket is one end of a WebSocket. A deadline of ctx is that of the call, as
// the library has it; coder's library closes the connection when ctx ends.
type socket interface {
	read(ctx context.Context) (string, error) // the next message, answering what is none
	write(ctx context.Context, text string) error
	ping(ctx context.Context) error // waits for the pong, which a read takes in
	close() error                   // the close handshake, status 1000, and the connection
	drop()                          // the connection alone
}

// library is what a WebSocket is made with. All of them compress.
type library struct {
	name   string
	accept func(http.ResponseWriter, *http.Request) (socket, error)
	dial   func(ctx context.Context, c net.Conn) (socket, error) // over c
	closed func(error) bool                                      // a close frame with status 1000

	// hasty: having read a close frame or met a deadline, the library closes the
	// connection by itself.
	hasty bool
}

var libraries = []library{
	{"coder", coderAccept, coderDial, func(err error) bool { return coder.CloseStatus(err) == 1000 }, true},
	{"gorilla", gorillaAccept, gorillaDial, func(err error) bool {
		e, ok := errors.AsType[*gorilla.CloseError](err) // IsCloseError does not look inside a wrapped error
		return ok && e.Code == 1000
	}, false},
	{"gobwas", gobwasAccept, gobwasDial, func(err error) bool {
		e, ok := errors.AsType[wsutil.ClosedError](err)
		return ok && e.Code == 1000
	}, false},
}

const address = "ws://example.com/" // ws, not wss: what is dialled speaks TLS already

func deadline(ctx context.Context) time.Time {
	d, _ := ctx.Deadline()
	return d
}

// pong waits for what a read has taken in.
func pong(ctx context.Context, ch <-chan struct{}) error {
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type coderSocket struct{ *coder.Conn }

func coderAccept(w http.ResponseWriter, r *http.Request) (socket, error) {
	c, err := coder.Accept(w, r, &coder.AcceptOptions{CompressionMode: coder.CompressionContextTakeover})
	return coderSocket{c}, err
}

func coderDial(ctx context.Context, c net.Conn) (socket, error) {
	tr := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return c, nil }}
	s, _, err := coder.Dial(ctx, address, &coder.DialOptions{
		HTTPClient:      &http.Client{Transport: tr},
		CompressionMode: coder.CompressionContextTakeover,
	})
	return coderSocket{s}, err
}

func (s coderSocket) read(ctx context.Context) (string, error) {
	_, b, err := s.Read(ctx)
	return string(b), err
}

func (s coderSocket) write(ctx context.Context, text string) error {
	return s.Write(ctx, coder.MessageText, []byte(text))
}

func (s coderSocket) ping(ctx context.Context) error { return s.Ping(ctx) }
func (s coderSocket) close() error                   { return s.Close(coder.StatusNormalClosure, "") }
func (s coderSocket) drop()                          { s.CloseNow() }

type gorillaSocket struct {
	*gorilla.Conn
	pongs chan struct{}
}

func newGorilla(c *gorilla.Conn, err error) (socket, error) {
	if err != nil {
		return nil, err
	}
	s := gorillaSocket{c, make(chan struct{}, 1)}
	c.SetPongHandler(func(string) error { s.pongs <- struct{}{}; return nil })
	return s, nil
}

func gorillaAccept(w http.ResponseWriter, r *http.Request) (socket, error) {
	return newGorilla((&gorilla.Upgrader{EnableCompression: true}).Upgrade(w, r, nil))
}

func gorillaDial(ctx context.Context, c net.Conn) (socket, error) {
	d := gorilla.Dialer{
		NetDialContext:    func(context.Context, string, string) (net.Conn, error) { return c, nil },
		EnableCompression: true,
	}
	conn, _, err := d.DialContext(ctx, address, nil)
	return newGorilla(conn, err)
}

func (s gorillaSocket) read(ctx context.Context) (string, error) {
	s.SetReadDeadline(deadline(ctx))
	_, b, err := s.ReadMessage()
	return string(b), err
}

func (s gorillaSocket) write(ctx context.Context, text string) error {
	s.SetWriteDeadline(deadline(ctx))
	return s.WriteMessage(gorilla.TextMessage, []byte(text))
}

func (s gorillaSocket) ping(ctx context.Context) error {
	return errors.Join(s.WriteControl(gorilla.PingMessage, nil, time.Time{}), pong(ctx, s.pongs))
}

func (s gorillaSocket) close() error {
	frame := gorilla.FormatCloseMessage(gorilla.CloseNormalClosure, "")
	if err := s.WriteControl(gorilla.CloseMessage, frame, time.Time{}); err != nil {
		return err
	}
	_, _, err := s.ReadMessage() // the other one's close frame
	if gorilla.IsCloseError(err, gorilla.CloseNormalClosure) {
		err = nil
	}
	s.Conn.Close() // TLS says goodbye to one who may have closed already
	return err
}

func (s gorillaSocket) drop() { s.Conn.Close() }

func (s gorillaSocket) onClose(f func()) {
	answer := s.CloseHandler()
	s.SetCloseHandler(func(code int, text string) error {
		f()
		return answer(code, text)
	})
}
