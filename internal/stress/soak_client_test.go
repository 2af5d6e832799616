package stress_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
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

// visit goes on until n requests of all visitors have arrived.
func (v *visitor) visit(n int) {
	for v.n < n && v.arrived.Load() < uint64(n) {
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
	{true, (*visitor).leaveAfterSend}, {true, (*visitor).leaveInBody}, {true, (*visitor).pipeline}, {true, (*visitor).withhold},
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
		if !v.excused() {
			v.wrong("%s %s = %v, want %d", r.Method, r.URL.Path, err, status)
		}
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
		tasks := []string{"3", "3", "3", "120"}[v.IntN(4)] // the last more than may wait
		v.want(v.request("GET", v.anywhere("/tasks/"), id, nil, "Tasks", tasks), 200, answers(id, 1))
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
