package board_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/board"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// The page leaves out the requests that the board has answered, and no others: a board may be
// at the root of a server of its own, or behind a prefix that it does not know.
func TestL2_OwnRequests(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		life := middleware.New(middleware.Options{})
		b := board.NewWith(life, board.Options{Allow: everybody})
		h := func(http.ResponseWriter, *http.Request) {}
		s := &scene{t: t, life: life, Server: pipenet.Start(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.Host {
			case "inside.example":
				life.Handler(http.StripPrefix("/board", b)).ServeHTTP(w, r)
			case "detached.example":
				life.Detach(b).ServeHTTP(w, r)
			case "app.example":
				life.Handler(http.HandlerFunc(h)).ServeHTTP(w, r)
			default:
				b.ServeHTTP(w, r)
			}
		}), life.Attach)}
		defer life.Shutdown(context.Background())
		for _, host := range []string{"inside.example", "detached.example", "app.example", "board.example"} {
			for _, path := range []string{"/board?format=json", "/board?format=html", "/board?format=none"} {
				r := s.NewRequest("GET", path, nil)
				r.Host = host
				s.do(r)
			}
		}
		var got []string
		for _, e := range s.look().Endings {
			got = append(got, fmt.Sprint(e.Outcome.Status, e.Own))
		}
		const each, app = "400 false, 200 true, 200 true", "200 false, 200 false, 200 false"
		if got, want := strings.Join(got, ", "), strings.Join([]string{each, app, each, each}, ", "); got != want {
			t.Errorf("the endings are %s, want %s", got, want)
		}
	})
}

// A middleware around may set the address to what a client sends, of any length.
func TestL3_LongAddress(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		life := middleware.New(middleware.Options{})
		b := board.NewWith(life, board.Options{Allow: everybody})
		s := &scene{t: t, life: life, Server: pipenet.Start(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.RemoteAddr = strings.Repeat("x", 1<<16)
			b.ServeHTTP(w, r)
		}), life.Attach)}
		defer life.Shutdown(context.Background())
		if text := s.text("json") + s.text("text"); len(text) > 10<<10 || !strings.Contains(text, "xxx…") {
			t.Errorf("the board has %d bytes, want the address cut", len(text))
		}
	})
}
