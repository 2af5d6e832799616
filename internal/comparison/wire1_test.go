package comparison

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// converse1 is an HTTP/1 client that looks at bytes.
func (w *world) converse1() {
	c, err := w.dial()
	if err != nil {
		w.client.say("dial: %s", identity(err))
		return
	}
	defer c.Close()
	first, second := w.s.request.halves()
	if w.s.request.pipelined && second == "" {
		first += next
	} else if w.s.request.pipelined {
		second += next
	}
	if w.s.copiesApart() {
		w.whole = new(bytes.Buffer)
		defer w.responses()
	}
	if w.s.loopback {
		w.onLoopback(c, first)
		return
	}
	var writing sync.WaitGroup
	writing.Go(func() {
		_, _ = io.WriteString(c, first) // it fails if the server has closed, which is seen by the reader
		time.Sleep(20 * time.Millisecond)
		_, _ = io.WriteString(c, second)
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.listen(c)
	}()
	select {
	case <-ended:
	case <-time.After(2 * time.Second):
		if !w.s.request.pipelined {
			w.client.say("the next request at +%v", w.age())
			writing.Go(func() { _, _ = io.WriteString(c, next) })
		}
		select {
		case <-ended:
		case <-time.After(time.Minute):
			w.client.say("%v", errStuck)
		}
	}
	c.Close()
	writing.Wait()
	<-ended
	time.Sleep(time.Second) // the server sees to the end of the connection
}

// listen says what comes, joined where it comes in one moment, and how it ends.
func (w *world) listen(c net.Conn) {
	var got []byte
	var at time.Duration
	buf := make([]byte, 8192)
	for {
		n, err := c.Read(buf)
		if w.whole != nil {
			w.whole.Write(buf[:n])
		} else if now := w.age(); now != at || err != nil {
			w.wire(at, got)
			got, at = nil, now
		}
		got = append(got, buf[:n]...)
		if err != nil {
			w.client.say("+%v %s", at, identity(err))
			return
		}
	}
}

// responses says what came without the sizes of the chunks.
func (w *world) responses() {
	r := bufio.NewReader(w.whole)
	for method := w.s.request.method; ; method = "GET" {
		res, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			rest, _ := io.ReadAll(r)
			w.client.say("no response: %s; %s", identity(err), short(rest))
			return
		}
		body, err := io.ReadAll(res.Body)
		if err != nil && err != io.ErrUnexpectedEOF {
			body = nil // how much of it is read before what is malformed depends on the chunks
		}
		w.client.say("%s %s length %d, %v, close %t", res.Proto, res.Status, res.ContentLength, res.TransferEncoding, res.Close)
		w.client.say("header %q", sorted(res.Header))
		w.client.say("body %s, %s", short(body), identity(err))
		w.client.say("trailer %q", sorted(res.Trailer))
		if err != nil {
			return
		}
	}
}

// onLoopback has no clock to go by: it sends the next request when the response
// is complete, and reads to the end of the connection.
func (w *world) onLoopback(c net.Conn, all string) {
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	var writing sync.WaitGroup
	writing.Go(func() { _, _ = io.WriteString(c, all) })
	defer writing.Wait()
	defer c.Close() // ends that write
	var wire bytes.Buffer
	r := bufio.NewReader(io.TeeReader(c, &wire))
	if !w.s.request.pipelined {
		err := skipResponse(r, w.s.request.method)
		w.client.say("response: %s", identity(err))
		if err != io.EOF && err != io.ErrUnexpectedEOF && err != errNotFramed { // a malformed one is complete, too
			writing.Go(func() { _, _ = io.WriteString(c, next) })
		}
	}
	_, err := io.Copy(io.Discard, r)
	if w.whole != nil {
		w.whole.Write(wire.Bytes())
	} else {
		w.wire(0, wire.Bytes())
	}
	w.client.say("end: %s", identity(err))
}

var errNotFramed = errors.New("the response ends with the connection")

// skipResponse reads one response, the informational ones before it included.
func skipResponse(r *bufio.Reader, method string) error {
	for {
		res, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			return err
		}
		if res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols {
			if res.Close {
				return errNotFramed
			}
			return nil
		}
	}
}
