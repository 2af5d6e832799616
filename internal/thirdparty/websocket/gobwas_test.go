package thirdparty_test

import (
	"bufio"
	"compress/flate"
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"
)

type gobwasSocket struct {
	net.Conn
	in    io.Reader
	state ws.State
	pongs chan struct{}
	bye   func() // before a close frame is answered
	small *wsflate.Helper
}

// newGobwas makes one compressor for all messages: it is a megabyte.
func newGobwas(c net.Conn, in io.Reader, side ws.State) socket {
	deflate, _ := flate.NewWriter(nil, flate.BestSpeed)
	return &gobwasSocket{c, in, side | ws.StateExtended, make(chan struct{}, 1), func() {}, &wsflate.Helper{
		Compressor: func(w io.Writer) wsflate.Compressor {
			deflate.Reset(w)
			return deflate
		},
		Decompressor: wsflate.DefaultHelper.Decompressor,
	}}
}

func gobwasAccept(w http.ResponseWriter, r *http.Request) (socket, error) {
	deflate := wsflate.Extension{Parameters: wsflate.DefaultParameters}
	c, rw, _, err := ws.HTTPUpgrader{Negotiate: deflate.Negotiate}.Upgrade(r, w)
	if err != nil {
		return nil, err
	}
	return newGobwas(c, rw.Reader, ws.StateServerSide), nil
}

func gobwasDial(ctx context.Context, c net.Conn) (socket, error) {
	d := ws.Dialer{
		NetDial:    func(context.Context, string, string) (net.Conn, error) { return c, nil },
		Extensions: []httphead.Option{wsflate.DefaultParameters.Option()},
	}
	conn, br, _, err := d.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	if br == nil { // nothing came behind the header
		br = bufio.NewReader(conn)
	}
	return newGobwas(conn, br, ws.StateClientSide), nil
}

func (s *gobwasSocket) read(ctx context.Context) (string, error) {
	s.SetReadDeadline(deadline(ctx))
	for {
		f, err := ws.ReadFrame(s.in)
		if err != nil {
			return "", err
		}
		if f.Header.Masked {
			f = ws.UnmaskFrameInPlace(f)
		}
		if !f.Header.OpCode.IsControl() {
			f, err = s.small.DecompressFrame(f)
			return string(f.Payload), err
		}
		switch f.Header.OpCode {
		case ws.OpPong:
			s.pongs <- struct{}{}
		case ws.OpClose:
			s.bye()
		}
		m := wsutil.Message{OpCode: f.Header.OpCode, Payload: f.Payload}
		if err := wsutil.HandleControlMessage(s.Conn, s.state, m); err != nil {
			return "", err
		}
	}
}

func (s *gobwasSocket) write(ctx context.Context, text string) error {
	s.SetWriteDeadline(deadline(ctx))
	f, err := s.small.CompressFrame(ws.NewTextFrame([]byte(text)))
	if err != nil {
		return err
	}
	return s.send(f)
}

// send makes one Write of f: another goroutine may answer a ping meanwhile.
func (s *gobwasSocket) send(f ws.Frame) error {
	if s.state.ClientSide() {
		f = ws.MaskFrameInPlace(f)
	}
	b, err := ws.CompileFrame(f)
	if err != nil {
		return err
	}
	_, err = s.Conn.Write(b)
	return err
}

func (s *gobwasSocket) ping(ctx context.Context) error {
	return errors.Join(s.send(ws.NewPingFrame(nil)), pong(ctx, s.pongs))
}

func (s *gobwasSocket) close() error {
	if err := s.send(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))); err != nil {
		return err
	}
	_, err := s.read(context.Background())
	if _, ok := errors.AsType[wsutil.ClosedError](err); ok {
		err = nil
	}
	s.Conn.Close() // TLS says goodbye to one who may have closed already
	return err
}

func (s *gobwasSocket) drop()            { s.Conn.Close() }
func (s *gobwasSocket) onClose(f func()) { s.bye = f }
