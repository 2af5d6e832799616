package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

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

func TestJob_ReadsWhatIsPrinted(t *testing.T) {
	for _, tt := range []struct {
		job            job
		out            string
		count, perSecs float64
	}{
		{newConnections, "  9382 requests in 1.10s, 1.10MB read\nRequests/sec:   8529.09\n", 9382, 8529.09},
		{streams, "finished in 341.85ms, 23401.86 req/s, 1.10MB/s\nrequests: 8000 total, 8000 started, 8000 done, 0 succeeded, 8000 failed, 0 errored, 0 timeout\n", 8000, 23401.86},
	} {
		count, err := find(tt.job.count, []byte(tt.out))
		if err != nil || count != tt.count {
			t.Errorf("%s: requests = %v, %v, want %v", tt.job.tool, count, err, tt.count)
		}
		per, err := find(tt.job.per, []byte(tt.out))
		if err != nil || per != tt.perSecs {
			t.Errorf("%s: per second = %v, %v, want %v", tt.job.tool, per, err, tt.perSecs)
		}
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
