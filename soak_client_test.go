package lastbyte_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"sync"
)

// visitor is a client with connections of its own.
type visitor struct {
	*soak
	*rand.Rand
	name   string
	client *http.Client
	h2     bool
	n      int // requests so far

	mu    sync.Mutex // the transport dials when it likes
	conns []net.Conn
	gone  bool
}

func (s *soak) visitor(i int) *visitor {
	v := &visitor{soak: s, Rand: rand.New(rand.NewPCG(1, uint64(i))), h2: i%2 == 0}
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(v.h2)
	p.SetHTTP1(!v.h2)
	v.client = &http.Client{Transport: &http.Transport{Protocols: p, DialContext: v.dial}, Timeout: 2 * soakPatience}
	v.name = fmt.Sprintf("visitor%d.", i)
	return v
}

// visit makes n requests, or a few more.
func (v *visitor) visit(n int) {
	for v.n < n {
		kind := kinds[v.IntN(len(kinds))]
		if v.h2 && kind.h1 {
			continue
		}
		kind.visit(v)
	}
	v.client.CloseIdleConnections()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.gone = true
	for _, c := range v.conns { // else those of HTTP/2 linger after a reset
		c.Close()
	}
}

func (v *visitor) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case err != nil:
		return nil, err
	case v.gone:
		c.Close()
		return nil, net.ErrClosed
	}
	v.conns = append(v.conns, c)
	return c, nil
}

// kinds are what visitors do, often what is there often.
var kinds = []struct {
	h1    bool // HTTP/1 alone
	visit func(v *visitor)
}{
	{false, (*visitor).send}, {false, (*visitor).send}, {false, (*visitor).send}, {false, (*visitor).send},
	{false, (*visitor).zip}, {false, (*visitor).echo}, {false, (*visitor).echo}, {false, (*visitor).upload},
	{false, (*visitor).small}, {false, (*visitor).small}, {false, (*visitor).exit}, {false, (*visitor).exit},
	{false, (*visitor).dropped}, {false, (*visitor).leave}, {false, (*visitor).leaveAtAnyTime},
	{true, (*visitor).leaveAfterSend}, {true, (*visitor).leaveInBody}, {true, (*visitor).pipeline},
}

// id names the next request.
func (v *visitor) id() string {
	v.n++
	return v.name + fmt.Sprint(v.n)
}

// anywhere is a path in the detached half of the site, or in the other.
func (v *visitor) anywhere(path string) string {
	if v.IntN(2) == 0 {
		return "/d" + path
	}
	return path
}

func (v *visitor) request(method, path, id string, body []byte, header ...string) *http.Request {
	r, err := http.NewRequest(method, v.url+path+id, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Id", id)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// want sends r and wants this answer.
func (v *visitor) want(r *http.Request, status int, body string) *http.Response {
	res, err := v.client.Do(r)
	if err != nil {
		v.wrong("%s %s = %v, want %d", r.Method, r.URL.Path, err, status)
		return nil
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status || string(b) != body {
		v.wrong("%s %s = %d, %d bytes %.40q, %v; want %d, %d bytes", r.Method, r.URL.Path, res.StatusCode, len(b), b, err, status, len(body))
	}
	return res
}

func (v *visitor) send() {
	id, lines := v.id(), 1+v.IntN(50)
	if v.IntN(50) == 0 {
		lines = 10_000
	}
	method, body := "GET", []byte(nil)
	if v.IntN(2) == 0 {
		method, body = "POST", []byte(answers(id, 20)) // unread
	}
	then := []string{"", "", "", "panic", "goexit", "exit", "task", "thread"}[v.IntN(8)]
	res := v.want(v.request(method, "/d/send/", id, body, "Lines", fmt.Sprint(lines), "Then", then), 200, answers(id, lines))
	if res == nil {
		return
	}
	if h, sum, late := res.Header.Get("Id"), res.Trailer.Get("Sum"), res.Header.Get("Late"); h != id || sum != id || late != "" {
		v.wrong("answer to %s: header %q, trailer %q, late header %q", id, h, sum, late)
	}
}

func (v *visitor) zip() {
	id, lines := v.id(), 1+v.IntN(1000)
	res := v.want(v.request("GET", "/d/zip/", id, nil, "Lines", fmt.Sprint(lines)), 200, answers(id, lines))
	if res != nil && !res.Uncompressed {
		v.wrong("answer to %s: not compressed", id)
	}
}

func (v *visitor) echo() {
	id := v.id()
	body := answers(id, v.IntN(2000))
	v.want(v.request("POST", v.anywhere("/echo/"), id, []byte(body)), 200, body)
}

func (v *visitor) upload() {
	id := v.id()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	form.WriteField("field", id)
	f, err := form.CreateFormFile("file", id)
	if err != nil {
		panic(err)
	}
	io.WriteString(f, answers(id, 200))
	form.Close()
	then := []string{"", "panic"}[v.IntN(2)]
	v.want(v.request("POST", v.anywhere("/upload/"), id, body.Bytes(), "Content-Type", form.FormDataContentType(), "Then", then), 200, answers(id, 1))
}

func (v *visitor) small() {
	id := v.id()
	switch v.IntN(4) {
	case 0:
		v.want(v.request("GET", v.anywhere("/throw/"), id, nil), 404, "404 Not Found\n")
	case 1:
		v.want(v.request("GET", v.anywhere("/threads/"), id, nil), 200, answers(id, 1))
	case 2:
		v.want(v.request("GET", v.anywhere("/tasks/"), id, nil), 200, answers(id, 1))
	case 3:
		res := v.want(v.request("HEAD", "/d/send/", id, nil), 200, "")
		if res != nil && res.Header.Get("Id") != id {
			v.wrong("answer to %s: header %q", id, res.Header.Get("Id"))
		}
	}
}

func (v *visitor) exit() {
	id := v.id()
	codes := []struct {
		code int
		body string
	}{{200, ""}, {204, ""}, {304, ""}, {404, "404 Not Found\n"}, {503, "503 Service Unavailable\n"}}
	c := codes[v.IntN(len(codes))]
	res := v.want(v.request("POST", v.anywhere("/exit/"), id, []byte(id), "Code", fmt.Sprint(c.code)), c.code, c.body)
	if res != nil && res.Header.Get("Id") != id {
		v.wrong("answer to %s: header %q", id, res.Header.Get("Id"))
	}
}

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
	go func() {
		<-begun
		cancel()
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
