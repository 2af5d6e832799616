package stress_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// dropped is an answer that is cut off, or none.
func (v *visitor) dropped() {
	id := v.id()
	var r *http.Request
	switch v.IntN(3) {
	case 0:
		code := []int{-1, 408, 444, 499}[v.IntN(4)]
		r = v.request("POST", v.anywhere("/exit/"), id, []byte(id), "Code", fmt.Sprint(code))
	case 1:
		r = v.request("POST", v.anywhere("/panic/"), id, nil)
	case 2:
		r = v.request("GET", "/d/short/", id, nil)
	}
	res, err := v.client.Do(r)
	if err != nil {
		return
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err == nil {
		v.wrong("%s %s = %d %q, want it cut off", r.Method, r.URL.Path, res.StatusCode, b)
	}
}

// leave goes while the handler is at work.
func (v *visitor) leave() {
	id := v.id()
	begun := make(chan struct{})
	v.waiting.Store(id, begun)
	defer v.waiting.Delete(id)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-begun:
			cancel()
		case <-ctx.Done():
		}
	}()
	mode := []string{"", "exit", "nothing"}[v.IntN(3)]
	res, err := v.client.Do(v.request("GET", v.anywhere("/wait/"), id, nil, "Callback", mode).WithContext(ctx))
	if err == nil {
		res.Body.Close()
		v.wrong("answer to %s, whose client has left: %s", id, res.Status)
	}
}

func (v *visitor) leaveAtAnyTime() {
	id := v.id()
	ctx, cancel := context.WithCancel(context.Background())
	go cancel()
	res, err := v.client.Do(v.request("GET", "/d/race/", id, nil).WithContext(ctx))
	if err == nil {
		res.Body.Close()
	}
}

// text is a request as it goes over HTTP/1.
func text(method, path, id, rest string) string {
	return method + " " + path + id + " HTTP/1.1\r\nHost: example.com\r\nId: " + id + "\r\n" + rest
}

// raw writes to a connection of its own. It is reset in the end, if f does not
// say otherwise.
func (v *visitor) raw(write string, f func(r *bufio.Reader) (tidy bool)) {
	c, err := net.Dial("tcp", strings.TrimPrefix(v.url, "http://"))
	if err != nil {
		v.wrong("Dial = %v", err)
		return
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(soakPatience))
	io.WriteString(c, write)
	if !f(bufio.NewReader(c)) {
		c.(*net.TCPConn).SetLinger(0)
	}
}

func (v *visitor) wantRaw(r *bufio.Reader, id string) {
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		v.wrong("answer to %s = %v", id, err)
		return
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err != nil || string(b) != answers(id, 1) || res.Header.Get("Id") != id {
		v.wrong("answer to %s = %q, %v, header %q", id, b, err, res.Header.Get("Id"))
	}
}

func (v *visitor) leaveAfterSend() {
	id := v.id()
	v.raw(text("GET", "/d/send/", id, "\r\n"), func(r *bufio.Reader) bool {
		v.wantRaw(r, id)
		return false
	})
}

func (v *visitor) leaveInBody() {
	id := v.id()
	v.raw(text("POST", v.anywhere("/echo/"), id, "Content-Length: 1000\r\n\r\nno more"), func(*bufio.Reader) bool { return v.IntN(2) == 0 })
}

// pipeline asks for three answers at once.
func (v *visitor) pipeline() {
	ids := []string{v.id(), v.id(), v.id()}
	var all strings.Builder
	for _, id := range ids {
		all.WriteString(text("GET", "/d/send/", id, "\r\n"))
	}
	v.raw(all.String(), func(r *bufio.Reader) bool {
		for _, id := range ids {
			v.wantRaw(r, id)
		}
		return true
	})
}

// withhold has its answer before it sends the body.
func (v *visitor) withhold() {
	id := v.id()
	v.raw(text("POST", "/d/send/", id, "Content-Length: 1000\r\n\r\n"), func(r *bufio.Reader) bool {
		v.wantRaw(r, id)
		return v.IntN(2) == 0
	})
}
