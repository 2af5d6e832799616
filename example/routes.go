package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/thread"

	"github.com/go-chi/chi/v5"
)

// longWork undoes what it began if its client leaves.
func (a *app) longWork(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	err := abort.On(ctx, func(ctx context.Context) {
		left, _ := abort.Cause(ctx)
		a.log.Warn().Msgf("long: %v", left)
		_ = exitcode.Exit(ctx, exitcode.ClientClosedRequest) // first: it ends the query that a rollback would wait for
		a.log.Info().Msg("long: rolled back")                // tx.Rollback, say
	})
	if err != nil {
		exitcode.Throw(ctx, http.StatusInternalServerError)
	}
	a.log.Info().Stringer("for", a.long).Msg("long: working")
	if err := sleep(ctx, a.long); err != nil {
		a.log.Info().AnErr("cause", err).Msg("long: stopped")
		// Either the server shuts down, or the callback has exited; then this
		// exit has no effect.
		_ = exitcode.Exit(ctx, http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "done, nothing to roll back")
}

// rewrite is the first phase. It may change the request for the later ones.
func (a *app) rewrite(w http.ResponseWriter, r *http.Request) exitcode.Code {
	w.Header().Add("X-Phase", "rewrite")
	user := r.URL.Query().Get("user")
	if user == "root" {
		user = "admin"
	}
	r.Header.Set("X-User", user)
	return exitcode.OK
}

// access is the second phase. It lets the request pass or ends it.
func (a *app) access(w http.ResponseWriter, r *http.Request) exitcode.Code {
	w.Header().Add("X-Phase", "access")
	switch r.Header.Get("X-User") {
	case "":
		return http.StatusUnauthorized
	case "mallory":
		return http.StatusForbidden
	}
	return exitcode.OK
}

// content answers the requests that have passed the phases.
func (a *app) content(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("X-Phase", "content")
	fmt.Fprintf(w, "hello, %s\n", r.Header.Get("X-User"))
}

// gone writes status and page itself, and exit(200) leaves them as they are.
func (a *app) gone(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusGone)
	fmt.Fprintln(w, "This is our own content")
	_ = exitcode.Exit(r.Context(), http.StatusOK) // it fails only if the client has left
}

// exit ends the request with the code of its path.
func (a *app) exit(_ http.ResponseWriter, r *http.Request) {
	code, err := strconv.Atoi(chi.URLParam(r, "code"))
	if err == nil {
		err = exitcode.Exit(r.Context(), exitcode.Code(code))
	}
	if err != nil {
		exitcode.Throw(r.Context(), http.StatusBadRequest) // as from deep inside
	}
}

// async responds, and keeps running.
func (a *app) async(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	fmt.Fprintln(w, "got the task!")
	if err := eof.Send(ctx); err != nil {
		a.log.Warn().Err(err).Msg("async: not answered")
		return
	}
	a.log.Info().Stringer("for", a.work).Msg("async: answered, working on")
	if err := sleep(ctx, a.work); err != nil {
		a.log.Warn().AnErr("cause", err).Msg("async: stopped")
		return
	}
	a.log.Info().Msg("async: done")
}

// deferred starts work after the response.
func (a *app) deferred(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	err := eof.Defer(ctx, func(context.Context) {
		a.log.Info().Msg("deferred: the client has its answer")
	})
	if err == nil {
		err = eof.After(ctx, a.work, func(ctx context.Context) {
			a.log.Info().Bool("premature", eof.Premature(ctx)).Msg("deferred: later")
		})
	}
	if err != nil { // too many tasks wait already, or the server shuts down
		exitcode.Throw(ctx, http.StatusServiceUnavailable)
	}
	fmt.Fprintln(w, "two tasks are left for later, see the log")
}

// fanout asks three sources at once, takes the first answer and cancels the others.
func (a *app) fanout(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	ask := func(takes time.Duration) *thread.Thread {
		t, err := thread.Spawn(ctx, func(ctx context.Context) error { return sleep(ctx, takes) })
		if err != nil {
			exitcode.Throw(ctx, http.StatusInternalServerError)
		}
		return t
	}
	cache, replica, primary := ask(a.step), ask(a.long), ask(a.long)
	names := map[*thread.Thread]string{cache: "cache", replica: "replica", primary: "primary"}

	first, err := thread.WaitAny(ctx, cache, replica, primary)
	if err != nil {
		exitcode.Throw(ctx, http.StatusServiceUnavailable) // the server shuts down, or the client has left
	}
	fmt.Fprintf(w, "%s has answered\n", names[first])
	for _, t := range []*thread.Thread{cache, replica, primary} {
		if t != first {
			t.Kill()
			fmt.Fprintf(w, "%s: %v\n", names[t], t.Wait(ctx))
		}
	}
}

// sleep stands for work that looks at its context.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
