package exitcode_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// An error that a handler returns since its time was up changes nothing.
func TestX17_ErrorOfTheContext(t *testing.T) {
	limited(t, time.Second, 504, func(t *testing.T, p pipenet.Proto, in wrap, _ bool) {
		h := exitcode.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			<-r.Context().Done()
			return context.Cause(r.Context())
		})
		s := start(t, p, in, h.ServeHTTP)
		s.get("/").is(t, "GET", 504, "504 Gateway Timeout\n")
		check(t, "log", s.Logs(), "")
	})
}

// The handler of a Timeout has the interfaces of the writer below, and Flush works at once.
func TestX17_NothingIsBuffered(t *testing.T) {
	limited(t, time.Hour, 504, func(t *testing.T, p pipenet.Proto, in wrap, _ bool) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			for range 3 {
				sendsOut(t, w, "data: 1\n")
				time.Sleep(time.Minute)
			}
		})
		res, err := s.Get("/")
		if err != nil {
			t.Fatalf("GET = %v, want a header", err)
		}
		defer res.Body.Close()
		begin := time.Now()
		for i, lines := 0, bufio.NewReader(res.Body); ; i++ {
			if _, err := lines.ReadString('\n'); errors.Is(err, io.EOF) {
				break
			}
			check(t, "a line after", time.Since(begin), time.Duration(i)*time.Minute)
		}
		check(t, "the end after", time.Since(begin), 3*time.Minute)
	})
}
