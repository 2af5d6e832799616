package eof_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// after is every way to touch the response, and what each says after Send.
var after = []struct {
	name string
	do   func(w http.ResponseWriter, r *http.Request) error
	only pipenet.Proto
}{
	{"Send", func(_ http.ResponseWriter, r *http.Request) error { return eof.Send(r.Context()) }, ""},
	{"Write", func(w http.ResponseWriter, _ *http.Request) error {
		n, err := w.Write([]byte("late"))
		return none(n, err)
	}, ""},
	{"empty Write", func(w http.ResponseWriter, _ *http.Request) error {
		n, err := w.Write(nil)
		return none(n, err)
	}, ""},
	{"WriteString", func(w http.ResponseWriter, _ *http.Request) error {
		n, err := w.(io.StringWriter).WriteString("late")
		return none(n, err)
	}, ""},
	{"io.Copy", func(w http.ResponseWriter, _ *http.Request) error {
		n, err := io.Copy(w, strings.NewReader("late"))
		return none(int(n), err)
	}, ""},
	{"ReadFrom", func(w http.ResponseWriter, _ *http.Request) error {
		n, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("late"))
		return none(int(n), err)
	}, pipenet.HTTP1},
	{"ResponseController.Flush", func(w http.ResponseWriter, _ *http.Request) error {
		return http.NewResponseController(w).Flush()
	}, ""},
	{"ResponseController.SetReadDeadline", func(w http.ResponseWriter, _ *http.Request) error {
		return http.NewResponseController(w).SetReadDeadline(time.Now())
	}, ""},
	{"ResponseController.SetWriteDeadline", func(w http.ResponseWriter, _ *http.Request) error {
		return http.NewResponseController(w).SetWriteDeadline(time.Now())
	}, ""},
	{"ResponseController.EnableFullDuplex", func(w http.ResponseWriter, _ *http.Request) error {
		return http.NewResponseController(w).EnableFullDuplex()
	}, ""},
	{"ResponseController.Hijack", func(w http.ResponseWriter, _ *http.Request) error {
		_, _, err := http.NewResponseController(w).Hijack()
		return err
	}, pipenet.HTTP1},
	{"Push", func(w http.ResponseWriter, _ *http.Request) error {
		return w.(http.Pusher).Push("/late", nil)
	}, pipenet.HTTP2},
}

func none(n int, err error) error {
	if n != 0 {
		return errors.New("bytes were written")
	}
	return err
}

func TestE6_AfterSend(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		errs := make(chan map[string]error, 1)
		s := serve(t, p, background(t, eof.Options{}).Detach, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/next" {
				time.Sleep(time.Second)
				io.WriteString(w, "next")
				return
			}
			io.WriteString(w, answer)
			eof.Send(r.Context())
			time.Sleep(time.Second / 2) // the next request is being served
			got := make(map[string]error)
			for _, c := range after {
				if c.only == "" || c.only == p {
					got[c.name] = c.do(w, r)
				}
			}
			w.WriteHeader(http.StatusTeapot)
			w.Header().Set("X-Late", "1")
			if f, ok := w.(http.Flusher); ok {
				f.Flush()
			}
			errs <- got
		})
		start := time.Now()
		get(t, s, "/").want(t, 200, answer)
		r := get(t, s, "/next")
		r.want(t, 200, "next")
		at(t, "the next answer", start, time.Second)
		if r.header.Get("X-Late") != "" {
			t.Error("a header set after Send is in the next response")
		}
		for call, err := range <-errs {
			wantErr(t, call+" after Send", err, eof.ErrEnded)
		}
		if n, log := len(s.Conns()), s.Logs(); n != 1 || strings.Count(log, "\n") != 1 || !strings.Contains(log, "dropped") {
			t.Errorf("%d connections, logged %q; want one, and one line of what was dropped", n, log)
		}
	})
}
