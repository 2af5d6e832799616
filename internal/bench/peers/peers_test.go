package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/bench/rows"
)

// Every row is what its name says: it answers as the handler inside does, or forbids.
func TestRows_Answer(t *testing.T) {
	list, drain := handlers(rows.Shallow, t.Output())
	for _, row := range list {
		w := httptest.NewRecorder()
		row.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		want, body := http.StatusOK, "hello"
		switch row.Name {
		case "httpError", "CheckExit", "LifecycleExit", "LifecycleExitLog":
			want, body = http.StatusForbidden, w.Body.String()
		}
		if w.Code != want || w.Body.String() != body {
			t.Errorf("%s answers %d %q, want %d %q", row.Name, w.Code, w.Body, want, body)
		}
	}
	if err := drain(); err != nil {
		t.Errorf("drain() = %v, want nil", err)
	}
}

// The rows of the wire are among them.
func TestRows_OfTheWire(t *testing.T) {
	names := append(append([]string{"hold:CheckOn", "hold:contextAfterFunc"}, wired...), logged...)
	for _, l := range locations {
		names = append(names, l.row)
	}
	for _, name := range names {
		_, done, err := rowOf(name)
		if err != nil {
			t.Errorf("rowOf(%q) = %v, want a row", name, err)
			continue
		}
		if err := done(); err != nil {
			t.Errorf("the end of %q: %v", name, err)
		}
	}
}

func TestRead(t *testing.T) {
	const out = "\nfinished in 341.85ms, 23401.86 req/s, 1.10MB/s\nrequests: 8000 total, 8000 started, 7999 done, 0 succeeded, 8000 failed, 0 errored, 0 timeout\n"
	if n, took, err := read([]byte(out)); n != 7999 || took != 341850*time.Microsecond || err != nil {
		t.Errorf("read() = %d, %v, %v, want 7999, 341.85ms, nil", n, took, err)
	}
	if _, _, err := read([]byte("h2load: no such option")); err == nil {
		t.Error("read() of something else = nil, want an error")
	}
}

func TestNumber(t *testing.T) {
	for _, tt := range []struct {
		x    float64
		want string
	}{{0, "0"}, {0.456, "0.46"}, {-1.5, "-1.50"}, {12.34, "12.3"}, {1234.5, "1,235"}, {999.6, "1,000"}, {-1234567, "-1,234,567"}} {
		if got := number(tt.x); got != tt.want {
			t.Errorf("number(%v) = %q, want %q", tt.x, got, tt.want)
		}
	}
}
