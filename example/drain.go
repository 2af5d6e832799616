package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

var errShutdown = errors.New("the server shuts down")

// drain stops srv in the order of docs/shutdown.md, and says what it waits for.
// Halfway through the grace period the requests still at work are told; at three
// quarters they are cut off, so that something is left for background work.
func (a *app) drain(srv *http.Server) error {
	began := time.Now()
	grace, cancel := context.WithDeadline(context.Background(), began.Add(a.grace))
	defer cancel()

	// 1. New requests go elsewhere, once the load balancer has noticed.
	a.ready.Store(false)
	a.tell("not ready any more")
	_ = sleep(grace, a.lag) // what follows knows that there is no time left

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

	// 3. Work that has outlived its response ends. There is no one to bring more.
	a.tell("waiting for background work")
	err = errors.Join(err, a.life.Shutdown(grace))

	// 4. Here go the things that they used: databases, job engines, the tracer.
	a.log.Info().Stringer("took", time.Since(began).Round(time.Millisecond)).Msg("drain: over")
	return err
}

// tell logs what the drain does, and what there is still to wait for.
func (a *app) tell(what string) {
	now := a.life.Stats()
	tasks := now.Background.Running + now.Background.Pending
	a.log.Info().Int64("requests", now.Active).Int64("detached", now.Background.Detached).
		Int64("tasks", tasks).Msg("drain: " + what)
}
