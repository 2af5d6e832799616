// Command proxied is a server to put behind a proxy: its log says what it learns of clients
// that leave. docs/behind-a-proxy.md is its guide.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/middleware"
)

func main() {
	life := middleware.New(middleware.Options{Slog: slog.Default()})
	srv := &http.Server{Addr: ":8080", Handler: router(life), Protocols: new(http.Protocols)}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	if err := life.ListenAndServe(context.Background(), srv); err != nil {
		log.Fatal(err)
	}
}

func router(life *middleware.Lifecycle) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /wait", wait)
	mux.HandleFunc("GET /stream", stream)
	mux.HandleFunc("POST /upload", upload)
	return life.Handler(mux)
}

// wait sends nothing for a minute.
func wait(w http.ResponseWriter, r *http.Request) {
	select {
	case <-time.After(time.Minute):
		_, _ = fmt.Fprintln(w, "nobody has left")
	case <-r.Context().Done():
	}
}

// stream sends a line every tenth of a second, for a minute.
func stream(w http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(w)
	for range 600 {
		_, err := fmt.Fprintln(w, "line")
		if errors.Join(err, out.Flush()) != nil {
			return
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-r.Context().Done():
			return
		}
	}
}

// upload reads what its client sends.
func upload(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil { // nobody gets this if the client has left
		http.Error(w, "the upload is not whole", http.StatusBadRequest)
		return
	}
	_, _ = fmt.Fprintln(w, n, "bytes")
}
