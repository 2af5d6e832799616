package comparison

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// A world is a server with a script, and what is seen of it.
type world struct {
	t       *testing.T
	s       *script
	start   time.Time
	dial    func() (net.Conn, error)
	handler journal
	client  journal
	errors  journal
	whole   *bytes.Buffer // what the client has received, if it is looked at as a whole; else nil
}

// run serves s once, in mode m, and gives what is seen.
func (s *script) run(t *testing.T, m mode, file string) (lines []string) {
	w := &world{s: s}
	if s.loopback {
		w.t = t
		w.serveLoopback(m, file)
	} else {
		synctest.Test(t, func(t *testing.T) {
			w.t = t
			w.serveMemory(m, file)
		})
	}
	for _, part := range []struct {
		name string
		from *journal
	}{{"handler", &w.handler}, {"client", &w.client}, {"log", &w.errors}} {
		for _, line := range part.from.take() {
			lines = append(lines, part.name+": "+line)
		}
	}
	return lines
}

// configure sets up the server for m.
func (w *world) configure(srv *http.Server, p parts, m mode, file string) {
	srv.Handler = outside(m.wrap(p, w.s.handler(&w.handler, file)), &w.handler)
	srv.ErrorLog = log.New(firstLines{&w.errors}, "", 0)
	w.s.server.configure(srv)
	if m.attach {
		p.life.Attach(srv)
	}
}

func (w *world) serveMemory(m mode, file string) {
	p := newParts(&w.errors)
	w.t.Cleanup(func() { w.end(p) })
	proto := pipenet.HTTP1
	if w.s.http2 {
		proto = pipenet.HTTP2
	}
	srv := pipenet.Start(w.t, proto, nil, func(srv *http.Server) { w.configure(srv, p, m, file) })
	w.start = time.Now()
	w.dial = func() (net.Conn, error) { return srv.Dial(), nil }
	w.converse()
}

func (w *world) serveLoopback(m mode, file string) {
	p := newParts(&w.errors)
	defer w.end(p)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	srv := &http.Server{Protocols: new(http.Protocols)}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(w.s.http2)
	w.configure(srv, p, m, file)
	addr := ln.Addr().String()
	w.dial = func() (net.Conn, error) { return net.Dial("tcp", addr) }
	if w.s.secure {
		ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate()}})
		w.dial = func() (net.Conn, error) { return tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true}) }
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	w.converse()
	_ = srv.Close()
	<-served
}

// certificate is one that nobody has to trust.
var certificate = sync.OnceValue(func() tls.Certificate {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(nil, template, template, public, private)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
})

func (w *world) end(p parts) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := p.shutdown(ctx); err != nil {
		w.t.Errorf("Shutdown() = %v, want nil: nothing was left to work on", err)
	}
}

// converse is the client's part.
func (w *world) converse() {
	if w.s.http2 {
		w.converse2()
	} else {
		w.converse1()
	}
}

// age is how long ago the client began.
func (w *world) age() time.Duration {
	if w.s.loopback {
		return 0
	}
	return time.Since(w.start).Truncate(time.Millisecond)
}

// firstLines keeps of what is logged the first line: stacks differ.
type firstLines struct{ *journal }

func (f firstLines) Write(p []byte) (int, error) {
	line, _, _ := bytes.Cut(p, []byte("\n"))
	f.say("%s", address.ReplaceAll(line, []byte("ADDRESS")))
	return len(p), nil
}

var errStuck = errors.New("nothing more came")

// wire says what came as bytes, line by line.
func (w *world) wire(at time.Duration, b []byte) {
	for line := range strings.SplitAfterSeq(string(b), "\n") {
		if strings.HasPrefix(line, "Date: ") && !strings.Contains(line, "1970") {
			line = "Date: NOW\r\n"
		}
		if line != "" {
			w.client.say("+%v %s", at, short([]byte(line)))
		}
	}
}
