package abort_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

func TestC1_NoCallback(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		type result struct {
			n   int
			err error
		}
		results, seen := make(chan result, 1), make(chan int, 1)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/header" {
				w.WriteHeader(http.StatusAccepted)
				flush(w)
			}
			<-r.Context().Done()
			w.WriteHeader(http.StatusBadGateway) // as a ReverseProxy does
			n, err := io.WriteString(w, "proxy error")
			results <- result{n, err}
		}, outside(seen))
		for _, want := range []struct {
			path                string
			status, sent, outer int
		}{{"/", 499, 0, 499}, {"/header", 202, 202, 202}} {
			call := s.Get(want.path)
			synctest.Wait()
			call.Leave(aborttest.Timeout)
			if got := take(t, results, "write"); got.n != 0 || !errors.Is(got.err, abort.ErrClientAborted) {
				t.Errorf("%s: write after the abort = %d, %v, want 0, %v", want.path, got.n, got.err, abort.ErrClientAborted)
			}
			o := ended(t, call)
			if o.Status != want.status || o.Sent != want.sent || o.Bytes != 0 || o.Abort == nil {
				t.Errorf("%s: Outcome = %d, sent %d, %d bytes, %v, want %d, %d, 0, an abort", want.path, o.Status, o.Sent, o.Bytes, o.Abort, want.status, want.sent)
			}
			if got := take(t, seen, "outer status"); got != want.outer {
				t.Errorf("%s: outer middleware sees %d, want %d", want.path, got, want.outer)
			}
		}
		if st := s.Lifecycle().Stats(); st.Aborts != 2 || st.Requests != 2 {
			t.Errorf("Stats = %d aborts of %d requests, want 2 of 2", st.Aborts, st.Requests)
		}
	})
}

// undisturbed asserts that a handler keeps running after callback has run, and that
// what it says is what is recorded.
func undisturbed(t *testing.T, callback func(ctx context.Context)) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		called, errs, seen := make(chan struct{}, 4), make(chan error, 1), make(chan int, 1)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			abort.On(ctx, func(ctx context.Context) {
				called <- struct{}{}
				callback(ctx)
			})
			ctx, stop := context.WithTimeout(ctx, 2*time.Hour)
			defer stop()
			select {
			case <-ctx.Done():
			case <-time.After(time.Hour):
			}
			errs <- ctx.Err()
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, "to nobody")
		}, outside(seen))
		call := s.Get("/")
		synctest.Wait()
		call.Leave(aborttest.Timeout)
		take(t, called, "callback")
		none(t, errs, "the handler's context after the callback")
		time.Sleep(time.Hour)
		if err := take(t, errs, "Err of the context"); err != nil {
			t.Errorf("Err() an hour after the callback = %v, want nil", err)
		}
		if o := ended(t, call); o.Status != 201 || o.Abort == nil || o.Exited {
			t.Errorf("Outcome = %d, %v, exited %v, want 201, an abort, no exit", o.Status, o.Abort, o.Exited)
		}
		if got := take(t, seen, "outer status"); got != 201 {
			t.Errorf("outer middleware sees %d, want 201", got)
		}
		none(t, called, "second callback")
	})
}

func TestC2_CallbackDoesNothing(t *testing.T) { undisturbed(t, func(context.Context) {}) }

func TestC5_CallbackExitsWithZero(t *testing.T) {
	undisturbed(t, func(ctx context.Context) {
		if err := exitcode.Exit(ctx, exitcode.OK); err != nil {
			t.Errorf("Exit(0) = %v, want nil", err)
		}
	})
}

func TestC6_CallbackPanics(t *testing.T) {
	undisturbed(t, func(context.Context) { panic("on purpose") })
}

func TestC6_PanicIsLoggedWithItsStack(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		release := make(chan struct{})
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			abort.On(r.Context(), panics)
			<-release
		})
		call := s.Get("/")
		synctest.Wait()
		call.Leave(aborttest.Timeout)
		synctest.Wait()
		if log := s.Log(); strings.Count(log, "on purpose") != 1 || !strings.Contains(log, "abort_test.panics") {
			t.Errorf("Logs() = %q, want one panic with the callback's frame", log)
		}
		close(release)
	})
}

func panics(context.Context) { panic("on purpose") }

// exits asserts that the callback's Exit(code) ends the request.
func exits(t *testing.T, code exitcode.Code, status int) {
	t.Run(fmt.Sprint(int(code)), func(t *testing.T) {
		each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
			ends, exits, writes, seen := make(chan end, 1), make(chan error, 1), make(chan error, 1), make(chan int, 1)
			wait := waitEnd(ends)
			s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
				abort.On(r.Context(), func(ctx context.Context) { exits <- exitcode.Exit(ctx, code) })
				wait(w, r)
				w.WriteHeader(http.StatusCreated)
				_, err := io.WriteString(w, "to nobody")
				writes <- err
			}, outside(seen))
			call := s.Get("/")
			synctest.Wait()
			call.Leave(aborttest.Timeout)
			if err := take(t, exits, "Exit"); err != nil {
				t.Errorf("Exit(%d) = %v, want nil", code, err)
			}
			e := take(t, ends, "the context")
			if x, ok := e.cause.(*exitcode.ExitError); !ok || x.Code != code || e.err != context.Canceled {
				t.Errorf("Err, Cause = %v, %v, want context canceled, exit %d", e.err, e.cause, code)
			}
			if err := take(t, writes, "write"); !errors.Is(err, exitcode.ErrExited) {
				t.Errorf("write after the exit = %v, want %v", err, exitcode.ErrExited)
			}
			o := ended(t, call)
			if o.Status != status || !o.Exited || o.Exit != code || o.Abort == nil {
				t.Errorf("Outcome = %d, exit %d (%v), %v, want %d, %d, an abort", o.Status, o.Exit, o.Exited, o.Abort, status, code)
			}
			if got := take(t, seen, "outer status"); got != status {
				t.Errorf("outer middleware sees %d, want %d", got, status)
			}
		})
	})
}

func TestC3_CallbackDrops(t *testing.T) {
	for _, code := range []exitcode.Code{exitcode.ClientClosedRequest, exitcode.Close, 408} {
		exits(t, code, int(code))
	}
	exits(t, exitcode.Error, 0)
}

func TestC4_CallbackExitsWithAPage(t *testing.T) { exits(t, 503, 503) }

// Under Detach such an exit ends the response at once, though the handler looks
// at nothing; else with the handler's return.
func TestC4_HandlerIsStuck(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			abort.On(r.Context(), func(ctx context.Context) { exitcode.Exit(ctx, 503) })
			time.Sleep(time.Hour)
		})
		call := s.Get("/")
		synctest.Wait()
		call.Leave(aborttest.Timeout)
		if m.name != "detach" {
			time.Sleep(time.Hour)
		}
		want := map[string]time.Duration{"handler": time.Hour}[m.name]
		if o := ended(t, call); o.Duration != want || o.Status != 503 || o.Exit != 503 || o.Abort == nil {
			t.Errorf("Outcome = %+v, want exit 503 after %v, an abort", o, want)
		}
		time.Sleep(time.Hour) // until the handler returns
	})
}

func TestC7_ResponseEndsAfterTheCallback(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		called := make(chan struct{})
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			abort.On(r.Context(), func(context.Context) {
				close(called)
				time.Sleep(time.Hour)
			})
			<-called // the handler returns while the callback is at work
		})
		call := s.Get("/")
		synctest.Wait()
		call.Leave(aborttest.Timeout)
		time.Sleep(time.Hour - 1)
		if n := s.Lifecycle().Stats().Active; n != 1 {
			t.Errorf("%d requests at work before the callback has returned, want 1", n)
		}
		if o := call.Outcome(); o.Duration != time.Hour {
			t.Errorf("the response ended after %v, want 1h as the callback", o.Duration)
		}
	})
}

func TestC8_SecondOn(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		called, errs, release := make(chan int, 4), make(chan error, 2), make(chan struct{})
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			errs <- abort.On(r.Context(), func(context.Context) { called <- 1 })
			errs <- abort.On(r.Context(), func(context.Context) { called <- 2 })
			<-release
		})
		call := s.Get("/")
		if first, second := take(t, errs, "first On"), take(t, errs, "second On"); first != nil || !errors.Is(second, abort.ErrDuplicate) {
			t.Errorf("On() twice = %v, %v, want nil, %v", first, second, abort.ErrDuplicate)
		}
		call.Leave(aborttest.Timeout)
		if got := take(t, called, "callback"); got != 1 {
			t.Errorf("callback %d ran, want the first", got)
		}
		close(release)
		none(t, called, "second callback")
	})
}
