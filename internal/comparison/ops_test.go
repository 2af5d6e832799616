package comparison

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"time"
)

// A generator reads one op. Those that are listed more than once come more often.
type generator func(in *input, s *script) op

var generators = []generator{
	write, write, write, writeString, flush, flush, setHeader, setHeader, setHeader, changeHeader, status, status, status,
	copyFrom, copyFrom, copyFrom, deadline, deadline, readBody, readBody, readBody, fullDuplex, hijack, panics,
	unwrap, sleep, sleep, awaitContext, seeHeader, seeHeader, inspect, helper, helper, beside,
}

func write(in *input, _ *script) op {
	n, html := size(in), in.next()%8 == 0
	return op{fmt.Sprintf("write %d, html %t", n, html), func(a *actor) {
		b := pattern('a', n)
		if html {
			copy(b, "<html>")
		}
		m, err := a.w.Write(b)
		a.log.say("write = %d, %s", m, identity(err))
	}}
}

func writeString(in *input, _ *script) op {
	n := size(in)
	return op{fmt.Sprintf("WriteString %d", n), func(a *actor) {
		text := string(pattern('a', n))
		m, err := io.WriteString(a.w, text)
		a.log.say("WriteString = %d, %s", m, identity(err))
	}}
}

func flush(in *input, _ *script) op {
	if in.next()%2 == 0 {
		return op{"flush", func(a *actor) { a.log.say("flush = %s", identity(a.rc.Flush())) }}
	}
	return op{"Flush", func(a *actor) {
		if f, ok := a.w.(http.Flusher); ok {
			f.Flush()
		}
	}}
}

var fields = []struct{ name, value string }{
	{"X-A", "1"}, {"X-A", "2"}, {"Content-Type", "text/html"}, {"Content-Type", ""}, {"Content-Length", "0"},
	{"Content-Length", "5"}, {"Content-Length", "700"}, {"Content-Length", "3000"}, {"Content-Length", "x"},
	{"Connection", "close"}, {"Connection", "keep-alive"}, {"Transfer-Encoding", "identity"},
	{"Transfer-Encoding", "chunked"}, {"Trailer", "Sum"}, {"Trailer", "Sum, Other"}, {"Sum", "1"}, {"Other", "3"},
	{http.TrailerPrefix + "Late", "2"}, {"Date", "Thu, 01 Jan 1970 00:00:00 GMT"}, {"Etag", `"v"`},
	{"Content-Encoding", "gzip"}, {"Set-Cookie", "a=b"}, {"X-Bad", "a\r\nb"}, {"Trailer", "Content-Length"},
}

func setHeader(in *input, _ *script) op {
	f := pick(in, fields...)
	return op{fmt.Sprintf("set %s: %q", f.name, f.value), func(a *actor) { a.w.Header().Set(f.name, f.value) }}
}

func changeHeader(in *input, _ *script) op {
	f, how := pick(in, fields...), in.next()%6
	text := [...]string{"add", "del", "nil", "in place", "in the kept map", "clear all but"}[how]
	return op{fmt.Sprintf("%s %s: %q", text, f.name, f.value), func(a *actor) {
		h := a.w.Header()
		switch how {
		case 0:
			h.Add(f.name, f.value)
		case 1:
			h.Del(f.name)
		case 2:
			h[http.CanonicalHeaderKey(f.name)] = nil
		case 3:
			if v := h["X-A"]; len(v) > 0 {
				v[0] = "changed"
			}
		case 4:
			if a.kept == nil {
				a.kept = h
			}
			a.kept.Set(f.name, f.value)
		case 5:
			clear(h)
			h.Set(f.name, f.value)
		}
	}}
}

func status(in *input, _ *script) op {
	code := pick(in, 200, 200, 201, 204, 304, 404, 404, 413, 500, 599, 700, 999, 100, 102, 103, 103, 199, 101, 0, 1000, 206)
	return op{fmt.Sprintf("status %d", code), func(a *actor) { a.w.WriteHeader(code) }}
}

func copyFrom(in *input, s *script) op {
	from, how := newReading(in, s), in.next()%4
	text := [...]string{"io.Copy", "ReadFrom", "io.CopyN 600", "io.CopyBuffer"}[how]
	return op{text + " " + from.text, func(a *actor) {
		src, given, done := from.open(a)
		defer done()
		var n int64
		var err error
		switch how {
		case 0:
			n, err = io.Copy(a.w, src)
		case 1:
			rf, ok := a.w.(io.ReaderFrom)
			if !ok {
				return
			}
			n, err = rf.ReadFrom(src)
		case 2:
			n, err = io.CopyN(a.w, src, 600)
		case 3:
			n, err = io.CopyBuffer(struct{ io.Writer }{a.w}, src, make([]byte, 1000))
		}
		a.log.say("%s = %d, %s; %d taken", text, n, identity(err), given())
	}}
}

func deadline(in *input, s *script) op {
	kind, when := in.next()%2, in.next()%4
	if s.loopback && when == 3 {
		when = 2
	}
	text := fmt.Sprintf("%s %s", [...]string{"SetReadDeadline", "SetWriteDeadline"}[kind], [...]string{"past", "none", "in 1 h", "in 10 ms"}[when])
	return op{text, func(a *actor) {
		at := [...]time.Time{time.Unix(1, 0), {}, time.Now().Add(time.Hour), time.Now().Add(10*time.Millisecond + 250*time.Microsecond)}[when]
		set := a.rc.SetReadDeadline
		if kind == 1 {
			set = a.rc.SetWriteDeadline
		}
		a.log.say("%s = %s", text, identity(set(at)))
		if when == 0 {
			s.pause(time.Millisecond) // who notices it first is a matter of chance
		}
	}}
}

func fullDuplex(*input, *script) op {
	return op{"EnableFullDuplex", func(a *actor) { a.log.say("EnableFullDuplex = %s", identity(a.rc.EnableFullDuplex())) }}
}

func hijack(in *input, _ *script) op {
	if in.next()%2 == 0 { // they end all the rest
		return seeHeader(in, nil)
	}
	direct := in.next()%2 == 0
	return op{fmt.Sprintf("hijack, direct %t", direct), func(a *actor) {
		do := a.rc.Hijack
		if h, ok := a.w.(http.Hijacker); ok && direct {
			do = h.Hijack
		}
		c, rw, err := do()
		a.log.say("hijack = %s", identity(err))
		if err != nil || a.conn != nil {
			return
		}
		a.conn = c
		_, err1 := rw.WriteString("HTTP/1.1 299 By Hand\r\nConnection: close\r\n\r\n")
		err2 := rw.Flush()
		_, err3 := c.Write([]byte("raw"))
		a.log.say("by hand: %s, %s, %s; %d buffered", identity(err1), identity(err2), identity(err3), rw.Reader.Buffered())
	}}
}

func panics(in *input, _ *script) op {
	if in.next()%2 == 0 {
		return seeHeader(in, nil)
	}
	how := in.next() % 4
	return op{fmt.Sprintf("panic %d", how), func(a *actor) {
		a.log.say("before the panic: %s", ending(a.r.Context()))
		switch how {
		case 0, 1:
			panic(http.ErrAbortHandler)
		case 2:
			panic(errors.New("boom"))
		}
		runtime.Goexit()
	}}
}

func sleep(in *input, s *script) op {
	d := time.Duration(pick(in, 1, 5, 25)) * time.Millisecond
	return op{fmt.Sprintf("sleep %v", d), func(a *actor) { s.pause(d) }}
}

func awaitContext(in *input, s *script) op {
	if s.loopback {
		return seeHeader(in, s)
	}
	return op{"await the context", func(a *actor) {
		select {
		case <-a.r.Context().Done():
		case <-time.After(40 * time.Millisecond):
		}
		a.log.say("context: %s", ending(a.r.Context()))
	}}
}

func seeHeader(*input, *script) op {
	return op{"see the header", func(a *actor) {
		var b strings.Builder
		_ = a.w.Header().Write(&b)
		a.log.say("header: %q, %d keys", b.String(), len(a.w.Header()))
	}}
}
