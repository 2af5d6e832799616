// Command uploads keeps files in a directory, and tells how far those are that still
// arrive. docs/uploads.md is its guide.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func main() {
	life := middleware.New(middleware.Options{Slog: slog.Default()})
	u := &uploads{dir: os.TempDir(), life: life}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := life.ListenAndServe(ctx, &http.Server{Addr: ":8080", Handler: life.Handler(u.handler())}); err != nil {
		log.Fatal(err)
	}
}

const largest = 4 << 20 // bytes of an upload

// uploads keeps files in a directory, and says how far those are that still arrive.
type uploads struct {
	dir  string
	life *middleware.Lifecycle
}

func (u *uploads) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("PUT /files/{name}", exitcode.Handler(u.put))
	mux.Handle("GET /progress", exitcode.Handler(u.progress))
	return mux
}

func (u *uploads) put(w http.ResponseWriter, r *http.Request) error {
	part, err := os.CreateTemp(u.dir, "part-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(part.Name()) }() // half a file is no file
	received := progress{r, 0}
	_, err = io.Copy(io.MultiWriter(part, &received), http.MaxBytesReader(w, r.Body, largest))
	err = errors.Join(err, part.Close())
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return &exitcode.ExitError{Code: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("At most %d bytes.", largest)}
	}
	if err != nil {
		return err
	}
	if err := os.Rename(part.Name(), filepath.Join(u.dir, filepath.Base(r.PathValue("name")))); err != nil {
		return err
	}
	w.WriteHeader(http.StatusCreated)
	return nil
}

// progress counts what is written to it, for whoever asks and for the log.
type progress struct {
	r     *http.Request
	bytes int64
}

func (p *progress) Write(b []byte) (int, error) {
	p.bytes += int64(len(b))
	middleware.SetAttrs(p.r.Context(), slog.Int64("received", p.bytes))
	return len(b), nil
}

func (u *uploads) progress(w http.ResponseWriter, r *http.Request) error {
	files := map[string]int64{}
	for q := range u.life.Requests() {
		for _, a := range q.Outcome.Attrs {
			if a.Key == "received" {
				files[filepath.Base(q.Path)] = a.Value.Int64()
			}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(files)
}
