package middleware_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"

	"github.com/rs/zerolog"
)

var fullOutcome = middleware.Outcome{
	Status: 499, Sent: 200, Bytes: 5, Start: time.Unix(1, 0), Duration: 1500*time.Millisecond + 1,
	Exit: exitcode.ClientClosedRequest, Exited: true,
	Abort: &abort.Error{Reason: abort.Reset, Stage: abort.StageResponse, After: time.Second}, EOF: 2 * time.Second,
	Hijacked: true, Panicked: true, Cut: true,
}

func TestOutcome_Zerolog(t *testing.T) {
	for _, c := range []struct {
		o    middleware.Outcome
		want string
	}{
		{middleware.Outcome{Status: 200, Sent: 200, Bytes: 5, Duration: time.Second},
			`{"o":{"status":200,"sent":200,"size":5,"duration_ms":1000}}`},
		{fullOutcome, `{"o":{"status":499,"sent":200,"size":5,"duration_ms":1500.000001,"exit":499,"aborted":true,` +
			`"abort_reason":"reset","abort_stage":"response","abort_after_ms":1000,"eof_ms":2000,"hijacked":true,"panicked":true,"cut":true}}`},
	} {
		var b bytes.Buffer
		log := zerolog.New(&b)
		log.Log().Object("o", c.o).Send()
		if got := strings.TrimSpace(b.String()); got != c.want {
			t.Errorf("Object(%+v) = %s, want %s", c.o, got, c.want)
		}
	}
}

func TestOutcome_Slog(t *testing.T) {
	for _, c := range []struct {
		o    middleware.Outcome
		want string
	}{
		{middleware.Outcome{Status: 200, Sent: 200, Bytes: 5, Duration: time.Second},
			`{"status":200,"sent":200,"size":5,"duration_ms":1000}`},
		{fullOutcome, `{"status":499,"sent":200,"size":5,"duration_ms":1500.000001,"exit":499,"aborted":true,` +
			`"abort_reason":"reset","abort_stage":"response","abort_after_ms":1000,"eof_ms":2000,"hijacked":true,"panicked":true,"cut":true}`},
	} {
		var b bytes.Buffer
		slog.New(slog.NewJSONHandler(&b, nil)).Info("", "o", c.o)
		var line struct{ O json.RawMessage }
		if err := json.Unmarshal(b.Bytes(), &line); err != nil || string(line.O) != c.want {
			t.Errorf("LogValue of %+v = %s, %v, want %s", c.o, line.O, err, c.want)
		}
	}
}
