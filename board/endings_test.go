package board_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/board"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// ends is a handler that ends as its path says.
func ends(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	switch r.URL.Path {
	case "/exit":
		_ = exitcode.Exit(ctx, 404)
	case "/drop":
		_ = exitcode.Exit(ctx, exitcode.Close)
	case "/panic":
		panic("on purpose")
	case "/cut":
		io.WriteString(w, "half")
		panic(http.ErrAbortHandler)
	case "/wait":
		<-ctx.Done()
	case "/send":
		io.WriteString(w, "all")
		if eof.Send(ctx) == nil {
			time.Sleep(5 * time.Second)
		}
	case "/defer":
		_ = eof.Defer(ctx, func(context.Context) { time.Sleep(3 * time.Second) })
	default:
		io.WriteString(w, "hello")
	}
}

// Each ending is there, with who ended it and how.
func TestL2_Endings(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, board.Options{}, ends)
		proto := map[pipenet.Proto]string{pipenet.HTTP1: "HTTP/1.1", pipenet.HTTP2: "HTTP/2.0"}[p]
		sends := map[string]string{"Handler": "handler", "Detach": "send"}[m.name]
		for _, c := range []struct {
			path, kind string
			status     int
		}{
			{"/", "handler", 200}, {"/exit", "exit", 404}, {"/drop", "exit", 444}, {"/panic", "panic", 500},
			{"/cut", "handler", 200}, {"/send", sends, 200}, {"/wait", "client", 499}, {"/defer", "handler", 200},
		} {
			if c.path == "/wait" {
				call := s.Begin(s.NewRequest("GET", c.path, nil))
				time.Sleep(7 * time.Second)
				call.Cancel()
			} else {
				s.get(c.path)
			}
			v := s.look()
			if len(v.Endings) == 0 {
				t.Fatalf("%s: no ending is there, want one", c.path)
			}
			i := 0
			for v.Endings[i].Path != c.path { // not that of the board
				i++
			}
			e := v.Endings[i]
			if e.Kind != c.kind || e.Outcome.Status != c.status || e.Method != "GET" || e.Route != "/" || e.Proto != proto || e.Client == "" {
				t.Errorf("%s: %+v, want kind %s and status %d", c.path, e, c.kind, c.status)
			}
			if !strings.Contains(e.Log, "path="+c.path+" ") || !strings.Contains(e.Log, "status=") {
				t.Errorf("%s: line of the log = %q, want one", c.path, e.Log)
			}
			o := e.Outcome
			switch c.path {
			case "/exit":
				if o.Exit == nil || *o.Exit != 404 {
					t.Errorf("exit = %v, want 404", o.Exit)
				}
			case "/cut":
				if !o.Cut {
					t.Error("cut = false, want true")
				}
			case "/panic":
				if !o.Panicked || !strings.Contains(e.Log, "level=ERROR") {
					t.Errorf("panicked = %v, line %q, want true and an error", o.Panicked, e.Log)
				}
			case "/wait":
				if o.Reason == "" || o.Stage != "handler" || o.AbortMS != 7000 || e.MS < 7000 {
					t.Errorf("the abort = %+v, want its reason, stage and time", o)
				}
			case "/send":
				if c.kind != "send" {
					break
				}
				if o.AfterMS != 0 {
					t.Errorf("work after Send = %v ms, want none yet", o.AfterMS)
				}
				time.Sleep(10 * time.Second)
				for _, e := range s.look().Endings {
					if e.Path == "/send" && e.Outcome.AfterMS != 5000 {
						t.Errorf("work after Send = %v ms, want 5000", e.Outcome.AfterMS)
					}
				}
			case "/defer":
				time.Sleep(5 * time.Second)
				if e := s.look().Endings[0]; e.Kind != "task" || e.MS != 3000 {
					t.Errorf("the last ending = %+v, want the task", e)
				}
			}
		}
	})
}

// What a client sends beside method, path and its address is nowhere; nor can it write to
// a terminal.
func TestL6_NoSecrets(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		release := make(chan struct{})
		s := start(t, p, m, board.Options{}, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Out", "secret")
			io.WriteString(w, "secret")
			_ = eof.Send(r.Context())
			<-release
		})
		e := s.watch()
		req := s.NewRequest("POST", "/a%1b%5b31m%3cb%3e?token=secret", strings.NewReader("secret"))
		req.Header.Set("Authorization", "secret")
		req.Header.Set("Cookie", "a=secret")
		req.Header.Set("Referer", "http://secret/")
		s.Begin(req)
		check := func(when string) {
			t.Helper()
			time.Sleep(time.Minute)
			all := s.text("json") + s.text("text") + s.text("html")
			if strings.Contains(all, "secret") {
				t.Errorf("%s: the board has the secret", when)
			}
			if strings.Contains(all, "\x1b") || strings.Contains(all, "<b>[31m") || !strings.Contains(all, `"/a\x1b[31m<b>"`) {
				t.Errorf("%s: the board has the path as it came, want it quoted", when)
			}
		}
		check("at work")
		close(release)
		check("ended")
		for e.scan.Scan() {
			if strings.Contains(e.scan.Text(), "secret") {
				t.Error("the stream has the secret")
			}
			if strings.Contains(e.scan.Text(), `"POST"`) && strings.Contains(e.scan.Text(), `"log"`) {
				break
			}
		}
	})
}

type bad struct{}

func (bad) String() string { panic("on purpose") }

// Attributes are there, at a length that has a bound, whatever they are.
func TestL3_Attributes(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, board.Options{}, func(w http.ResponseWriter, r *http.Request) {
			middleware.SetAttrs(r.Context(), slog.Int("rows", 7), slog.String("long", strings.Repeat("ä", 1<<16)),
				slog.Group("g", slog.Group("h", slog.Bool("b", true))), slog.Any("bad", bad{}), slog.Any("err", errors.New("an error")),
				slog.Any("nil", nil), slog.Any("bytes", make([]byte, 1<<20)), slog.Any("huge", make([]int, 1<<20)), slog.Duration("took", time.Second))
			for i := range 100 {
				middleware.SetAttrs(r.Context(), slog.Int(strings.Repeat("k", i+1), i))
			}
		})
		s.get("/")
		got := s.look().Endings[0].Attrs
		if len(got) != 16 {
			t.Fatalf("%d attributes, want 16: %v", len(got), got)
		}
		for i, want := range [][2]string{
			{"rows", "7"}, {"long", strings.Repeat("ä", 64) + "…"}, {"g.h.b", "true"}, {"bad", "board_test.bad, whose method panics"},
			{"err", "an error"}, {"nil", "nil"}, {"bytes", "1048576 bytes"}, {"huge", "[]int"}, {"took", "1s"}, {"k", "0"},
		} {
			if got[i] != want {
				t.Errorf("attribute %d = %q, want %q", i, got[i], want)
			}
		}
	})
}

// The last endings are kept, and of those that were no good at least the last half.
func TestL3_LastEndings(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		s := start(t, p, mounts[0], board.Options{Endings: 10}, ends)
		for range 8 {
			s.get("/exit")
		}
		for range 30 {
			s.get("/")
			time.Sleep(time.Second)
		}
		v := s.look()
		count := map[string]int{}
		for i, e := range v.Endings {
			count[e.Kind]++
			if i > 0 && e.ID >= v.Endings[i-1].ID {
				t.Errorf("ending %d is listed after %d, want the newest first", e.ID, v.Endings[i-1].ID)
			}
		}
		if len(v.Endings) != 10 || count["exit"] != 5 || v.Ended != 38 || v.Totals["exit"] != 8 {
			t.Errorf("%d of %d endings, %v, totals %v, want 10 of 38, five of the 8 exits", len(v.Endings), v.Ended, count, v.Totals)
		}
	})
}

// The rates are those of each second of the last minute.
func TestL7_Rates(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		s := start(t, p, mounts[0], board.Options{}, ends)
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(1100 * time.Millisecond)))
		for _, n := range []int{3, 0, 1, 300, 0, 0, 2} {
			for range n {
				s.get("/")
			}
			if n == 3 {
				s.get("/exit")
			}
			time.Sleep(time.Second)
		}
		v := s.look() // in the second after
		got := v.Rates.Kinds["handler"]
		for i, want := range []uint64{3, 0, 1, 300, 0, 0, 2, 0} {
			if got[52+i] != want {
				t.Fatalf("rates = %v, want 3 0 1 300 0 0 2 0 at the end", got)
			}
		}
		if x := v.Rates.Kinds["exit"]; x[52] != 1 || x[53] != 0 {
			t.Errorf("rates of exits = %v, want one in the first second", x)
		}
		time.Sleep(2 * time.Minute)
		v = s.look()
		for _, n := range v.Rates.Kinds["exit"] {
			if n != 0 {
				t.Errorf("rates of exits = %v two minutes later, want none", v.Rates.Kinds["exit"])
			}
		}
	})
}

// At once a few hundred endings are kept, of the others the numbers.
func TestL7_Sampled(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		s := start(t, p, mounts[0], board.Options{Endings: 1000}, ends)
		for range 300 {
			s.get("/")
		}
		synctest.Wait()
		v := s.look()
		if len(v.Endings) != 256 || v.Ended != 300 || v.Totals["handler"] != 300 {
			t.Errorf("%d of %d endings are listed, totals %v, want 256 of 300", len(v.Endings), v.Ended, v.Totals)
		}
		if text := s.text("text"); !strings.Contains(text, "256 of 301 endings are listed") && !strings.Contains(text, "257 of 301 endings are listed") {
			t.Errorf("text ends with %q, want it to say that it has a part", text[len(text)-80:])
		}
	})
}

// The id is that which the request came with: a handler may change the header of its
// request, also one that outlives its response.
func TestL2_RequestIDOfItsHeader(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, board.Options{}, func(w http.ResponseWriter, r *http.Request) {
			_ = eof.Send(r.Context()) // without Detach it fails, and the response ends after the change
			for i := range 10_000 {
				r.Header.Set("X-Request-Id", strconv.Itoa(i))
			}
		})
		r := s.NewRequest("GET", "/", nil)
		r.Header.Set("X-Request-Id", "came")
		s.do(r)
		if v := s.look(); len(v.Endings) == 0 || v.Endings[0].RequestID != "came" {
			t.Errorf("endings: %+v, want one with the id that its request came with", v.Endings)
		}
	})
}
