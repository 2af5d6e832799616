package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// hooked is a webhook at work in a bubble, whose deliveries fail so many times.
type hooked struct {
	*aborttest.Client
	tries int
	stop  func() error // SIGTERM; it returns when the server has ended
	log   *strings.Builder
}

func eachWebhook(t *testing.T, fails int, body func(t *testing.T, h *hooked)) {
	for _, p := range []aborttest.Protocol{aborttest.HTTP1, aborttest.HTTP2} {
		t.Run(string(p), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &hooked{log: &strings.Builder{}}
				life := middleware.New(middleware.Options{
					Slog:  slog.New(slog.NewTextHandler(h.log, nil)),
					Grace: 10 * time.Minute,
				})
				hook := &webhook{"secret", func(context.Context, event) error {
					if h.tries++; h.tries <= fails {
						return errors.New("the other side is down")
					}
					return nil
				}}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				serve := func(srv *http.Server, ln net.Listener) error {
					ended <- life.Serve(ctx, srv, ln)
					return nil
				}
				h.stop = func() error { cancel(); return <-ended }
				mux := http.NewServeMux()
				mux.Handle("POST /hooks", life.Detach(exitcode.Handler(hook.receive)))
				h.Client = aborttest.Start(t, aborttest.Options{Protocols: []aborttest.Protocol{p}, Lifecycle: life, Serve: serve}, mux)
				body(t, h)
			})
		})
	}
}

// send sends an event with a signature.
func (h *hooked) send(body, signature string) *aborttest.Call {
	r := h.NewRequest("POST", "/hooks", strings.NewReader(body))
	r.Header.Set("Signature", signature)
	return h.Do(r)
}

const paid = `{"Name": "paid"}`

// The sender has its answer at once, and a deployment in the middle of the work loses nothing.
func TestWebhook_AnswersAndWorksOn(t *testing.T) {
	eachWebhook(t, 3, func(t *testing.T, h *hooked) {
		began := time.Now()
		call := h.send(paid, sign("secret", []byte(paid)))
		if res := call.Response(); res.Status != http.StatusAccepted || res.Err != nil || time.Since(began) != 0 {
			t.Errorf("Response = %+v after %v, want 202 at once", res, time.Since(began))
		}
		call.Leave(aborttest.Close)
		synctest.Wait()
		if err := h.stop(); err != nil {
			t.Errorf("Serve() = %v, want nil: nothing was given up", err)
		}
		if o := call.Done(); o.Worked != 7*time.Minute || o.Abort != nil || h.tries != 4 {
			t.Errorf("Done = %+v after %d tries, want 4 tries in 7m, and no abort", o, h.tries)
		}
	})
}

// What a shutdown gives up is named by its error and by the log.
func TestWebhook_GivenUp(t *testing.T) {
	eachWebhook(t, 1000, func(t *testing.T, h *hooked) {
		h.send(paid, sign("secret", []byte(paid))).Response()
		err := h.stop()
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 handler (POST /hooks, 600.0s)") {
			t.Errorf("Serve() = %v, want it to name the handler", err)
		}
		synctest.Wait()
		if log := h.log.String(); !strings.Contains(log, "paid was not delivered") || !strings.Contains(log, "the other side is down") {
			t.Errorf("the log is\n%s\nwant it to say what was not delivered", log)
		}
	})
}

// A sender that leaves before it has the answer will send the event again, so nothing is done now.
func TestWebhook_SenderLeaves(t *testing.T) {
	eachWebhook(t, 0, func(t *testing.T, h *hooked) {
		call := h.Do(h.NewRequest("POST", "/hooks", aborttest.StallAfter(strings.NewReader(paid))))
		synctest.Wait()
		call.Leave(aborttest.Reset)
		if o := call.Done(); o.Status != 499 || o.Abort == nil || h.tries != 0 {
			t.Errorf("Done = %+v after %d tries, want 499 and no try", o, h.tries)
		}
	})
}

func TestWebhook_Refuses(t *testing.T) {
	eachWebhook(t, 0, func(t *testing.T, h *hooked) {
		if res := h.send(paid, "forged").Response(); res.Status != 401 {
			t.Errorf("Response to a forged event = %+v, want 401", res)
		}
		res := h.send("paid", sign("secret", []byte("paid"))).Response()
		if res.Status != 400 || res.Body != "400 Bad Request\nThe event is not JSON.\n" {
			t.Errorf("Response to nonsense = %+v, want 400 with the detail", res)
		}
		if h.tries != 0 {
			t.Errorf("%d tries, want none", h.tries)
		}
	})
}
