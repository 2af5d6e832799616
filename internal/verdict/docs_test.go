package verdict_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/verdict"
)

// notJudged has the rows of docs/aborts.md about which no judge is asked: what the
// request does before or after that makes the difference.
var notJudged = map[string]string{
	"A12": "each request of a connection has its own verdict",
	"A13": "a registration belongs to the request",
	"A14": "On looks whether the client has left",
	"A17": "the stage is what the request has come to, whoever is judged",
	"A18": "the judges ask for the state of the peer, whoever knows it",
	"N1":  "a request that has ended takes no abort",
	"N5":  "after Send a request takes no abort",
	"N6":  "while lastbyte cuts the connection a request takes no abort",
	"N8":  "net/http does not end its context, and the error is not Suspicious",
}

// table gives the rows of the tables in docs/aborts.md whose first cell matches
// first, in their order.
func table(t *testing.T, first string) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/aborts.md")
	if err != nil {
		t.Fatal(err)
	}
	re := regexp.MustCompile("^" + first + "$")
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if re.MatchString(cells[0]) {
			rows = append(rows, cells)
		}
	}
	return rows
}

// judged gives the rows of the tests that bear id.
func judged(id string) (rows []row) {
	for _, r := range slices.Concat(http1, http2, http3) {
		if name, _, _ := strings.Cut(r.name, " "); name == id {
			rows = append(rows, r)
		}
	}
	return rows
}

// The rows of docs/aborts.md and those of the tests are about the same cases.
func TestJudge_DocsHaveTheSameRows(t *testing.T) {
	t.Parallel()
	rows := table(t, "[AN][0-9]+")
	if len(rows) < 20 {
		t.Fatalf("docs/aborts.md has %d rows with an id, want more", len(rows))
	}
	known := make(map[string]bool)
	for _, cells := range rows {
		id := cells[0]
		known[id] = true
		why, exempt := notJudged[id]
		if (len(judged(id)) == 0) != exempt {
			t.Errorf("%s: %d rows here are about it, exempt: %q; want rows, or a reason why not", id, len(judged(id)), why)
		}
	}
	for _, r := range slices.Concat(http1, http2, http3) {
		if id, _, _ := strings.Cut(r.name, " "); !known[id] {
			t.Errorf("%q: docs/aborts.md has no row %s", r.name, id)
		}
	}
}

// An abort (A) is the client's, and what is no abort (N) is not; a client that
// half-closes may be allowed to. The reasons that the column "with" names are given.
func TestJudge_DocsSayTheSame(t *testing.T) {
	t.Parallel()
	for _, cells := range table(t, "[AN][0-9]+") {
		id := cells[0]
		given := make(map[string]bool)
		for _, r := range judged(id) {
			given[r.reason] = true
			if abort := r.by == verdict.Client; abort && id[0] == 'N' || r.by == verdict.Server && id[0] == 'A' && !r.of.ignoreHalf {
				t.Errorf("%s: want another verdict than %v %q", r.name, r.by, r.reason)
			}
		}
		if id[0] == 'N' || notJudged[id] != "" {
			continue
		}
		for _, reason := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(cells[5], -1) {
			if !given[reason[1]] {
				t.Errorf("%s: docs/aborts.md has the reason %q, and no row here gives it", id, reason[1])
			}
		}
	}
}

// The table of the reasons has each, the strongest first.
func TestJudge_DocsHaveTheReasons(t *testing.T) {
	t.Parallel()
	want := []string{verdict.Reset, verdict.Closed, verdict.StreamReset, verdict.WriteFailed, verdict.BodyTruncated, verdict.Unverified}
	var got []string
	for _, cells := range table(t, "`[a-z_]+`") {
		if reason := strings.Trim(cells[0], "`"); slices.Contains(want, reason) {
			got = append(got, reason)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("docs/aborts.md has the reasons %q, want %q", got, want)
	}
	for _, reason := range want {
		if !slices.ContainsFunc(slices.Concat(http1, http2, http3), func(r row) bool { return r.reason == reason }) {
			t.Errorf("no row here gives the reason %q", reason)
		}
	}
}
