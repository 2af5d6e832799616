package board_test

import (
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
