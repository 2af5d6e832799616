package main

import (
	"bufio"
	"context"
	"crypto/sha1" // of RFC 6455
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/thread"
)

// socket is a WebSocket (RFC 6455) that sends a text each second. What the client sends is
// read, and not looked at.
func (a *app) socket(w http.ResponseWriter, r *http.Request) {
	ctx, key := r.Context(), r.Header.Get("Sec-WebSocket-Key")
	if key == "" {
		_ = exitcode.Exit(ctx, http.StatusUpgradeRequired)
		return
	}
	c, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = exitcode.Exit(ctx, http.StatusHTTPVersionNotSupported) // HTTP/2
		return
	}
	defer c.Close()
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(buf, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	reader, err := thread.Spawn(ctx, func(context.Context) error { return readFrames(buf.Reader) })
	if err != nil {
		return
	}
	for n := 1; ; n++ {
		if sendText(buf.Writer, fmt.Sprintf("text %d", n)) != nil {
			return
		}
		select {
		case <-time.After(time.Second):
		case <-reader.Done():
			a.log.Info().AnErr("cause", abort.Wrap(ctx, reader.Wait(ctx))).Msg("socket: the client has left")
			return
		case <-eof.Draining(ctx):
			_, _ = buf.Write([]byte{0x88, 2, 0x03, 0xe9}) // a close frame with 1001
			_ = buf.Flush()                               // the client may have left
			return
		case <-ctx.Done():
			return
		}
	}
}

// sendText sends a frame with a short text.
func sendText(w *bufio.Writer, text string) error {
	_, _ = w.Write([]byte{0x81, byte(len(text))})
	_, _ = w.WriteString(text) // Flush has the error
	return w.Flush()
}

// readFrames reads frames up to a close frame, whose error is nil, or to the end of the
// connection.
func readFrames(r *bufio.Reader) error {
	for {
		head := make([]byte, 2)
		if _, err := io.ReadFull(r, head); err != nil {
			return err
		}
		size := int64(head[1] & 0x7f)
		if more := map[int64]int{126: 2, 127: 8}[size]; more > 0 {
			length := make([]byte, 8)
			if _, err := io.ReadFull(r, length[8-more:]); err != nil {
				return err
			}
			size = int64(binary.BigEndian.Uint64(length) &^ (1 << 63))
		}
		if head[0]&0x0f == 8 {
			return nil
		}
		if _, err := io.CopyN(io.Discard, r, size+4); err != nil { // 4: the mask
			return err
		}
	}
}
