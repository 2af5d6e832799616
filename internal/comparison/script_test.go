package comparison

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A script is one request and what the handler does with it. It is read from
// bytes, so that a seed and a fuzzer make the same ones.
type script struct {
	http2    bool
	loopback bool // sockets of the kernel; else memory and a clock of its own
	secure   bool // TLS, on loopback, HTTP/1
	request  request
	server   limits
	ops      []op
}

// An op is one step of a handler.
type op struct {
	text string
	do   func(*actor)
}

// input gives bytes, and zeros when there are no more.
type input struct{ data []byte }

func (in *input) empty() bool { return len(in.data) == 0 }

func (in *input) next() byte {
	if len(in.data) == 0 {
		return 0
	}
	b := in.data[0]
	in.data = in.data[1:]
	return b
}

// pick chooses one of the values, the same one for the same byte.
func pick[T any](in *input, values ...T) T { return values[int(in.next())%len(values)] }

const mostOps = 14

// random gives the bytes of a script.
func random(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 2))
	b := make([]byte, 16+r.IntN(4*mostOps))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// read makes a script of bytes.
func read(data []byte) *script {
	in := &input{data}
	kind := in.next()
	s := &script{http2: kind%4 == 0, loopback: kind/4%8 == 0}
	s.secure = s.loopback && !s.http2 && kind/32%2 == 1
	s.request.read(in, s)
	s.server.timeouts(in, s)
	for !in.empty() && len(s.ops) < mostOps {
		s.ops = append(s.ops, pick(in, generators...)(in, s))
	}
	return s
}

func (s *script) String() string {
	var b strings.Builder
	net, proto := "memory", "HTTP/1"
	if s.loopback {
		net = "loopback"
	}
	if s.secure {
		net += ", TLS"
	}
	if s.http2 {
		proto = "HTTP/2"
	}
	fmt.Fprintf(&b, "%s over %s%s\n%s", proto, net, s.server, s.request)
	for _, o := range s.ops {
		fmt.Fprintf(&b, "\t%s\n", o.text)
	}
	return b.String()
}

// has reports whether an op of s begins with one of the prefixes.
func (s *script) has(prefixes ...string) bool {
	for _, o := range s.ops {
		for _, p := range prefixes {
			if strings.HasPrefix(o.text, p) {
				return true
			}
		}
	}
	return false
}

// copiesApart reports whether what an io.Copy has written is compared without the
// sizes of the chunks: on a connection that has no ReadFrom (TLS, pipenet) net/http
// makes them as large as the reads; lastbyte's first is of 512 bytes.
func (s *script) copiesApart() bool {
	return !s.http2 && (!s.loopback || s.secure) && s.has("io.Copy", "ReadFrom", "http.Serve")
}

// without is s less the op at i.
func (s *script) without(i int) *script {
	t := *s
	t.ops = append(append([]op(nil), s.ops[:i]...), s.ops[i+1:]...)
	return &t
}
