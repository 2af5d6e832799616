package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

var errShutdown = errors.New("the server shuts down")

// drain stops srv in the order of docs/shutdown.md, and logs what it waits for.
// At half of the grace period it tells the requests that still run. At three
// quarters it cuts them off, so that time is left for background work.
func (a *app) drain(srv *http.Server) error {
	began := time.Now()
	grace, cancel := context.WithDeadline(context.Background(), began.Add(a.grace))
	defer cancel()

	// 1. New requests go elsewhere, once the load balancer has noticed.
	a.ready.Store(false)
	a.tell("not ready any more")
	_ = sleep(grace, a.lag) // if grace has ended, the steps below return at once

	// 2. The port closes; requests end.
	a.tell("waiting for requests")
	stop := time.AfterFunc(time.Until(began.Add(a.grace/2)), func() { a.stopRequests(errShutdown) })
	defer stop.Stop()
	requests, cancel := context.WithDeadline(grace, began.Add(a.grace/4*3))
	defer cancel()
	err := srv.Shutdown(requests)
	if err != nil {
		left := a.life.Stats().Active
		err = fmt.Errorf("%d requests were still at work: %w", left, errors.Join(err, srv.Close()))
	}

	// 3. Work that continues after responses ends. There are no requests left
	// to add more.
	a.tell("waiting for background work")
	err = errors.Join(err, a.life.Shutdown(grace))

	// 4. Close here what the handlers used: databases, job engines, the tracer.
	a.log.Info().Stringer("took", time.Since(began).Round(time.Millisecond)).Msg("drain: over")
	return err
}

// tell logs a step of the drain, and how much work is left.
func (a *app) tell(what string) {
	now := a.life.Stats()
	tasks := now.Background.Running + now.Background.Pending
	a.log.Info().Int64("requests", now.Active).Int64("detached", now.Background.Detached).
		Int64("tasks", tasks).Msg("drain: " + what)
}
