package pipenet_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

func TestStart_RoundTrip(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		s := pipenet.Start(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Hour)
			body, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %s %s %v", r.Proto, r.Method, r.URL.Path, body, err)
		}))
		start := time.Now()
		res, err := s.Do(s.NewRequest("POST", "/there", strings.NewReader("hello")))
		if err != nil {
			t.Fatalf("Do() = %v, want a response", err)
		}
		got, err := io.ReadAll(res.Body)
		proto := map[pipenet.Proto]string{pipenet.HTTP1: "HTTP/1.1", pipenet.HTTP2: "HTTP/2.0"}[p]
		if want := proto + " POST /there hello <nil>"; string(got) != want || err != nil {
			t.Errorf("body = %q, %v, want %q, nil", got, err, want)
		}
		if d := time.Since(start); d != time.Hour {
			t.Errorf("took %v of the bubble's time, want 1h", d)
		}
		if s.Logs() != "" {
			t.Errorf("Logs() = %q, want nothing", s.Logs())
		}
	})
}

func TestStart_ConnectionIsKept(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		s := pipenet.Start(t, p, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		for range 3 {
			res, err := s.Get("/")
			if err != nil {
				t.Fatalf("Get() = %v, want a response", err)
			}
			res.Body.Close()
			synctest.Wait()
		}
		if n := len(s.Conns()); n != 1 {
			t.Errorf("3 requests took %d connections, want 1", n)
		}
	})
}

func TestStart_ClientIsPlain(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		s := pipenet.Start(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Got", r.Header.Get("Accept-Encoding"))
			http.Redirect(w, r, "/else", http.StatusFound)
		}))
		res, err := s.Get("/")
		if err != nil {
			t.Fatalf("Get() = %v, want a response", err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusFound {
			t.Errorf("status = %d, want the redirect itself", res.StatusCode)
		}
		if got := res.Header.Get("Got"); got != "" {
			t.Errorf("Accept-Encoding = %q, want none", got)
		}
	})
}

func TestStart_Logs(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("on purpose") })
		s := pipenet.Start(t, p, h)
		if res, err := s.Get("/"); err == nil {
			t.Errorf("Get() = %v, want an error", res.Status)
		}
		synctest.Wait()
		if !strings.Contains(s.Logs(), "on purpose") {
			t.Errorf("Logs() = %q, want the panic", s.Logs())
		}

		var mine strings.Builder
		s = pipenet.Start(t, p, h, func(srv *http.Server) { srv.ErrorLog = log.New(&mine, "", 0) })
		s.Get("/")
		synctest.Wait()
		if s.Logs() != "" || !strings.Contains(mine.String(), "on purpose") {
			t.Errorf("Logs() = %q, own log = %q, want the panic in the own log alone", s.Logs(), mine.String())
		}
	})
}

func TestStart_SlowReaderBlocksWriter(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		const size = 100 * pipenet.Window // more than HTTP/2 grants as well
		wrote := false
		s := pipenet.Start(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Write(make([]byte, size))
			wrote = true
		}))
		res, err := s.Get("/")
		if err != nil {
			t.Fatalf("Get() = %v, want a response", err)
		}
		synctest.Wait()
		if wrote {
			t.Error("the handler wrote all, want it to wait for the reader")
		}
		if n, err := io.Copy(io.Discard, res.Body); n != size || err != nil {
			t.Errorf("body: %d bytes, %v, want %d, nil", n, err, size)
		}
		synctest.Wait()
		if !wrote {
			t.Error("the handler waits still, want it to have written all")
		}
	})
}

func TestStart_ClosedRefusesDials(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		s := pipenet.Start(t, p, http.NotFoundHandler())
		if err := s.Config.Shutdown(t.Context()); err != nil {
			t.Fatalf("Shutdown() = %v, want nil", err)
		}
		if _, err := s.Get("/"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("Get() = %v, want %v", err, syscall.ECONNREFUSED)
		}
	})
}
