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
	a.log.Info().Stringer("lag", a.lag).Msg("drain: not ready any more")
	_ = sleep(grace, a.lag) // what follows knows that there is no time left

	// 2. The port closes; requests end.
	a.log.Info().Int64("requests", a.life.Stats().Active).Msg("drain: waiting for requests")
	tell := time.AfterFunc(time.Until(began.Add(a.grace/2)), func() { a.stopRequests(errShutdown) })
	defer tell.Stop()
	requests, cancel := context.WithDeadline(grace, began.Add(a.grace/4*3))
	defer cancel()
	err := srv.Shutdown(requests)
	if err != nil {
		left := a.life.Stats().Active
		err = fmt.Errorf("%d requests were still at work: %w", left, errors.Join(err, srv.Close()))
	}

	// 3. Work that has outlived its response ends. There is no one to bring more.
	work := a.life.Stats().Background
	a.log.Info().Int64("detached", work.Detached).Int64("running", work.Running).
		Int64("pending", work.Pending).Msg("drain: waiting for background work")
	err = errors.Join(err, a.life.Shutdown(grace))

	// 4. Here go the things that they used: databases, job engines, the tracer.
	a.log.Info().Stringer("took", time.Since(began).Round(time.Millisecond)).Msg("drain: over")
	return err
}
