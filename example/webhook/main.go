// Command webhook answers a sender that will not wait, and then does the work.
// docs/background.md is its guide.
package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func main() {
	life := middleware.New(middleware.Options{Slog: slog.Default()})
	h := &webhook{secret: os.Getenv("WEBHOOK_SECRET"), deliver: func(ctx context.Context, e event) error {
		slog.InfoContext(ctx, "delivered", "event", e.Name)
		return nil
	}}
	mux := http.NewServeMux()
	mux.Handle("POST /hooks", life.Detach(exitcode.Handler(h.receive)))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := life.ListenAndServe(ctx, &http.Server{Addr: ":8080", Handler: mux}); err != nil {
		log.Fatal(err)
	}
}

// webhook answers a sender that will not wait, and works on: it delivers the event, and
// tries again for as long as the server runs.
type webhook struct {
	secret  string
	deliver func(context.Context, event) error
}

type event struct{ Name string }

func (h *webhook) receive(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return err
	}
	if !hmac.Equal([]byte(sign(h.secret, body)), []byte(r.Header.Get("Signature"))) {
		return exitcode.Code(http.StatusUnauthorized).Err()
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		return &exitcode.ExitError{Code: http.StatusBadRequest, Detail: "The event is not JSON.", Err: err}
	}
	w.WriteHeader(http.StatusAccepted)
	if err := eof.Send(ctx); err != nil {
		return err // the sender does not know that we have it, and sends it again
	}
	for wait := time.Minute; ; wait *= 2 {
		if err = h.deliver(ctx, e); err == nil {
			return nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return fmt.Errorf("%s was not delivered: %w", e.Name, errors.Join(err, context.Cause(ctx)))
		}
	}
}

func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
