package board_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/lastbyte-go/lastbyte/board"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"

	"github.com/go-chi/chi/v5"
)

// The board is mounted beside the routes. curl gets it as text.
func ExampleNew() {
	life := middleware.New(middleware.Options{})
	r := chi.NewRouter()
	r.Use(life.Handler)
	r.Handle("/debug/requests*", board.New(life))
	r.Get("/item/{id}", func(w http.ResponseWriter, r *http.Request) {
		_ = exitcode.Exit(r.Context(), http.StatusNotFound)
	})
	srv := httptest.NewUnstartedServer(r)
	life.Attach(srv.Config)
	srv.Start()
	defer srv.Close()

	for _, path := range []string{"/item/7", "/debug/requests"} {
		res, err := http.Get(srv.URL + path)
		if err != nil {
			fmt.Println(err)
			return
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 8 && f[1] == "exit" {
				fmt.Println(f[1], f[2], f[6:9])
			}
		}
	}
	// Output: exit 404 [GET /item/{id} /item/7]
}

// Operators may look from elsewhere, too.
func ExampleNewWith() {
	life := middleware.New(middleware.Options{})
	h := board.NewWith(life, board.Options{Allow: func(r *http.Request) bool {
		user, password, _ := r.BasicAuth()
		return user == "ops" && password == "a secret of the program's"
	}})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/debug/requests", nil))
	fmt.Println(w.Code)
	// Output: 403
}

// What a job engine has to do is shown beside the tasks.
func ExampleNewWith_queues() {
	life := middleware.New(middleware.Options{})
	h := board.NewWith(life, board.Options{
		Allow: func(*http.Request) bool { return true },
		Queues: func(context.Context) ([]board.Queue, error) { // Engine.Depths of module durable is one
			return []board.Queue{{Name: "mail", Waiting: 3, Running: 1}}, nil
		},
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/debug/requests?format=text", nil))
	for line := range strings.Lines(w.Body.String()) {
		if f := strings.Fields(line); len(f) == 4 && (f[0] == "QUEUE" || f[0] == "mail") {
			fmt.Println(f)
		}
	}
	// Output:
	// [QUEUE WAITING RUNNING LATER]
	// [mail 3 1 0]
}
