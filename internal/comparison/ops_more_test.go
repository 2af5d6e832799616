package comparison

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"time"
)

// short describes bytes that may be many.
func short(b []byte) string {
	if len(b) <= 80 {
		return fmt.Sprintf("%q", b)
	}
	return fmt.Sprintf("%q... %d bytes, %08x", b[:40], len(b), crc32.ChecksumIEEE(b))
}

func readBody(in *input, _ *script) op {
	how, n := in.next()%10, size(in)
	text := [...]string{"read", "read", "read", "read all", "read all", "body close", "form value", "read at most", "request trailer", "read full"}[how]
	return op{fmt.Sprintf("%s %d", text, n), func(a *actor) {
		var got []byte
		var err error
		switch how {
		case 0, 1, 2, 9:
			got = make([]byte, n)
			var m int
			if how == 9 || a.s.loopback || a.s.http2 { // how much one Read gives is a matter of chance
				m, err = io.ReadFull(a.r.Body, got)
			} else {
				m, err = a.r.Body.Read(got)
			}
			got = got[:m]
		case 3, 4:
			got, err = io.ReadAll(a.r.Body)
		case 5:
			err = a.r.Body.Close()
		case 6:
			got = []byte(a.r.FormValue("name"))
		case 7:
			got, err = io.ReadAll(http.MaxBytesReader(a.w, a.r.Body, int64(n)))
		case 8:
			got = fmt.Append(nil, a.r.Trailer)
		}
		a.log.say("%s = %s, %s", text, short(got), identity(err))
	}}
}

// innermost follows Unwrap to the end.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = u.Unwrap()
	}
}

func unwrap(in *input, _ *script) op {
	how := in.next() % 4
	return op{fmt.Sprintf("unwrap %d", how), func(a *actor) {
		w := innermost(a.w)
		switch how {
		case 0:
			n, err := w.Write([]byte("below"))
			a.log.say("write below = %d, %s", n, identity(err))
		case 1:
			a.log.say("flush below = %s", identity(http.NewResponseController(w).Flush()))
		case 2:
			w.Header().Set("X-Below", "1")
		case 3:
			_, notify := w.(http.Flusher)
			a.log.say("below: %t", notify)
		}
	}}
}

func inspect(*input, *script) op {
	return op{"inspect", func(a *actor) {
		set := ""
		_, flusher := a.w.(http.Flusher)
		_, hijacker := a.w.(http.Hijacker)
		_, readerFrom := a.w.(io.ReaderFrom)
		_, stringWriter := a.w.(io.StringWriter)
		_, pusher := a.w.(http.Pusher)
		_, notifier := a.w.(interface{ CloseNotify() <-chan bool })
		_, errors := a.w.(interface{ FlushError() error })
		_, deadlines := a.w.(interface{ SetReadDeadline(time.Time) error })
		set = fmt.Sprint(flusher, hijacker, readerFrom, stringWriter, pusher, notifier, errors, deadlines)
		a.log.say("writer: %s", set)
		_, server := a.r.Context().Value(http.ServerContextKey).(*http.Server)
		at, limited := a.r.Context().Deadline()
		a.log.say("context: %t %v %t; body %t %t", server, at, limited, a.r.Body == nil, a.r.Body == http.NoBody)
		if p, ok := a.w.(http.Pusher); ok {
			a.log.say("push = %s", identity(p.Push("/next", nil)))
		}
	}}
}

// helper uses functions of net/http that handlers use.
func helper(in *input, _ *script) op {
	how := in.next() % 6
	text := [...]string{"http.Error", "http.Redirect", "http.ServeContent", "http.ServeFile", "http.SetCookie", "derive a context"}[how]
	return op{text, func(a *actor) {
		switch how {
		case 0:
			http.Error(a.w, "an error", http.StatusTeapot)
		case 1:
			http.Redirect(a.w, a.r, "/there", http.StatusFound)
		case 2:
			http.ServeContent(a.w, a.r, "a.txt", time.Unix(1e9, 0), bytes.NewReader(pattern('a', 3000)))
		case 3:
			http.ServeFile(a.w, a.r, a.file)
		case 4:
			http.SetCookie(a.w, &http.Cookie{Name: "c", Value: "v"})
		case 5:
			ctx, cancel := context.WithTimeout(a.r.Context(), time.Hour)
			cancel()
			a.log.say("derived: %s", ending(ctx))
		}
	}}
}

// beside does on another goroutine what a handler usually does on its own.
func beside(in *input, s *script) op {
	if in.next()%2 == 0 || s.loopback || s.http2 || s.request.late {
		inner := write(in, s)
		return op{"beside: " + inner.text, func(a *actor) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				inner.do(a)
			}()
			<-done
		}}
	}
	// Nobody waits for this read; what it gives is a matter of chance. It must not
	// disturb the connection's next request. On HTTP/2 net/http lets such a read wait
	// for ever. Where the body is late the handler may wait for the read on a mutex,
	// and a bubble's clock stands still meanwhile.
	return op{"leave a read", func(a *actor) {
		go func() { _, _ = io.Copy(io.Discard, a.r.Body) }()
		s.pause(time.Millisecond)
	}}
}
