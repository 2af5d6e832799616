package main

import (
	"context"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

//go:embed page
var files embed.FS

// page serves the page with the board and the buttons.
func page() http.Handler {
	dir, err := fs.Sub(files, "page")
	if err != nil {
		panic(err) // it is embedded
	}
	next := http.FileServerFS(dir)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}

// stream sends a line each quarter of a second, until its client leaves or the server
// drains.
func (a *app) stream(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	out := http.NewResponseController(w)
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for n := 1; ; n++ {
		fmt.Fprintf(w, "line %d\n", n)
		if err := out.Flush(); err != nil {
			return // the client has left
		}
		select {
		case <-tick.C:
		case <-eof.Draining(ctx):
			return
		case <-ctx.Done():
			return
		}
	}
}

// upload reads slowly, so that there is time to stop halfway.
func (a *app) upload(w http.ResponseWriter, r *http.Request) {
	var got int64
	for {
		n, err := io.CopyN(io.Discard, r.Body, 256<<10)
		if got += n; err == io.EOF {
			fmt.Fprintf(w, "%d bytes have arrived\n", got)
			return
		}
		if err == nil {
			err = sleep(r.Context(), a.step/2)
		}
		if err != nil {
			_ = middleware.SetAttrs(r.Context(), slog.Int64("received", got))
			a.log.Warn().AnErr("cause", abort.Wrap(r.Context(), err)).Int64("bytes", got).Msg("upload: stopped halfway")
			return
		}
	}
}

// slow takes longer than the Timeout around it.
func (a *app) slow(w http.ResponseWriter, r *http.Request) {
	if sleep(r.Context(), a.long) == nil {
		fmt.Fprintln(w, "in time")
	}
}

// repeat runs a task five times, one after another.
func (a *app) repeat(w http.ResponseWriter, r *http.Request) {
	ticks := make(chan struct{}, 5)
	stop, err := a.life.Background().Every(r.Context(), max(a.work/10, time.Millisecond), "tick", func(ctx context.Context) {
		select {
		case ticks <- struct{}{}:
			_ = sleep(ctx, a.step)
		case <-ctx.Done():
		}
	})
	if err == nil {
		err = a.life.Background().Go(r.Context(), "five ticks", func(ctx context.Context) {
			defer stop()
			for n := range cap(ticks) {
				select {
				case <-ticks:
					a.log.Info().Int("n", n+1).Msg("repeat: tick")
				case <-ctx.Done():
					return
				case <-eof.Draining(ctx):
					return
				}
			}
			a.log.Info().Msg("repeat: that was the last")
		})
	}
	if err != nil {
		stop()
		exitcode.Throw(r.Context(), http.StatusServiceUnavailable)
	}
	fmt.Fprintln(w, "a task runs five times from now on")
}
