package comparison

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// usual is how many scripts a plain `go test` plays, each in every mode.
func usual() uint64 {
	if testkit.Race {
		return 40
	}
	return 150
}

// TestComparison_Random plays random scripts. LASTBYTE_COMPARE says for how long,
// LASTBYTE_COMPARE_SEED with which seed to begin; alone, it plays that seed again.
func TestComparison_Random(t *testing.T) {
	file := newFile(t)
	seed := uint64(time.Now().UnixNano())
	text, chosen := os.LookupEnv("LASTBYTE_COMPARE_SEED")
	if chosen {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("LASTBYTE_COMPARE_SEED: %v", err)
		}
	}
	if text := os.Getenv("LASTBYTE_COMPARE"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("LASTBYTE_COMPARE: %v", err)
		}
		begin := time.Now()
		t.Logf("the first seed is %d", seed)
		n := uint64(0)
		for ; time.Since(begin) < d; n++ {
			check(t, seed+n, read(random(seed+n)), file)
		}
		t.Logf("%d scripts, each in %d modes", n, len(modes))
		return
	}
	if chosen {
		check(t, seed, read(random(seed)), file)
		return
	}
	for seed := range usual() {
		check(t, seed, read(random(seed)), file)
	}
}

// FuzzComparison plays the scripts that a fuzzer writes.
func FuzzComparison(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(random(seed))
	}
	file := newFile(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) <= 16+4*mostOps {
			check(t, 0, read(data), file)
		}
	})
}

func newFile(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(file, pattern('a', filesize), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// check compares s in every mode with net/http alone.
func check(t *testing.T, seed uint64, s *script, file string) {
	t.Helper()
	want := s.run(t, bare, file)
	for _, m := range modes {
		if agree(s, m, want, s.run(t, m, file)) {
			continue
		}
		found := differs(t, s, m, file, 20)
		for again := 0; again < 2 && s.loopback && found != nil; again++ {
			found = differs(t, s, m, file, 20)
		}
		if found == nil {
			continue
		}
		small, found := shrink(t, s, m, file, found)
		t.Errorf("seed %d, %s: net/http alone and lastbyte differ\n%s%s", seed, m.name, small, diff(found.want, found.got))
		return
	}
}

// agree compares two runs, less the differences that are known.
func agree(s *script, m mode, want, got []string) bool {
	alone := want
	for _, k := range known {
		if k.applies(s, m, alone) {
			if k.rewrite == nil {
				return true
			}
			want, got = rewritten(want, k.rewrite), rewritten(got, k.rewrite)
		}
	}
	return slices.Equal(want, got)
}

// A finding is what the two have shown where they differ.
type finding struct{ want, got []string }

// differs gives what s shows in mode m and net/http alone does not show, however
// often it is asked: a few things are a matter of chance. It has to be seen twice.
// Nil: there is no such thing.
func differs(t *testing.T, s *script, m mode, file string, often int) *finding {
	t.Helper()
	found := &finding{got: s.run(t, m, file)}
	alike := func(often int) bool {
		for range often {
			if found.want = s.run(t, bare, file); agree(s, m, found.want, found.got) {
				return true
			}
		}
		return false
	}
	if alike(often) {
		return nil
	}
	for range often {
		if agree(s, m, found.got, s.run(t, m, file)) {
			rare := 50 * often // one run in 40 ends a stream of HTTP/2 by a reset: two events at the same moment
			if s.loopback {
				rare = 5 * often // these take their time
			}
			if alike(rare) { // net/http shows it as well
				return nil
			}
			return found
		}
	}
	return nil
}

// shrink gives the simplest script that it finds to differ as s does.
func shrink(t *testing.T, s *script, m mode, file string, found *finding) (*script, *finding) {
	t.Helper()
	often := 4
	if s.loopback {
		often = 10
	}
	for again := true; again; {
		again = false
		for i := len(s.ops) - 1; i >= 0; i-- {
			simpler := s.without(i)
			if f := differs(t, simpler, m, file, often); f != nil {
				s, found, again = simpler, f, true
			}
		}
		for _, q := range s.request.simpler() {
			simpler := *s
			simpler.request = q
			if f := differs(t, &simpler, m, file, often); f != nil {
				s, found, again = &simpler, f, true
				break
			}
		}
	}
	return s, found
}

// rewritten gives the lines as they are compared.
func rewritten(lines []string, rewrite func(string) string) (list []string) {
	for _, line := range lines {
		if line = rewrite(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// diff shows what the two have in common at the beginning and at the end as it
// is, and the rest one after the other.
func diff(want, got []string) string {
	from, same := 0, min(len(want), len(got))
	for from < same && want[from] == got[from] {
		from++
	}
	to := 0
	for to < same-from && want[len(want)-1-to] == got[len(got)-1-to] {
		to++
	}
	var b strings.Builder
	show := func(who string, lines []string) {
		for _, line := range lines {
			fmt.Fprintf(&b, "%-9s%s\n", who, line)
		}
	}
	show("", want[:from])
	show("net/http", want[from:len(want)-to])
	show("lastbyte", got[from:len(got)-to])
	show("", want[len(want)-to:])
	return b.String()
}
