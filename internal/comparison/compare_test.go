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
)

// usual is how many scripts a plain `go test` plays, each in every mode.
func usual() uint64 {
	if raceEnabled {
		return 40
	}
	return 150
}

// TestComparison_Random plays random scripts. LASTBYTE_COMPARE is for how long;
// LASTBYTE_COMPARE_SEED plays one again.
func TestComparison_Random(t *testing.T) {
	file := newFile(t)
	if text := os.Getenv("LASTBYTE_COMPARE_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("LASTBYTE_COMPARE_SEED: %v", err)
		}
		check(t, seed, read(random(seed)), file)
		return
	}
	if text := os.Getenv("LASTBYTE_COMPARE"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("LASTBYTE_COMPARE: %v", err)
		}
		seed, begin := uint64(time.Now().UnixNano()), time.Now()
		t.Logf("the first seed is %d", seed)
		n := uint64(0)
		for ; time.Since(begin) < d; n++ {
			check(t, seed+n, read(random(seed+n)), file)
		}
		t.Logf("%d scripts, each in %d modes", n, len(modes))
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
		if agree(s, m, want, s.run(t, m, file)) || !differs(t, s, m, file, 20) ||
			s.loopback && !differs(t, s, m, file, 20) || s.loopback && !differs(t, s, m, file, 20) {
			continue
		}
		small := shrink(t, s, m, file)
		want, got := small.run(t, bare, file), small.run(t, m, file)
		t.Errorf("seed %d, %s: net/http alone and lastbyte differ\n%s%s", seed, m.name, small, diff(want, got))
		return
	}
}

// agree compares two runs, less the differences that are known.
func agree(s *script, m mode, want, got []string) bool {
	for _, k := range known {
		if k.applies(s, m, want) {
			if k.hides == nil {
				return true
			}
			want, got = drop(want, k.hides), drop(got, k.hides)
		}
	}
	return slices.Equal(want, got)
}

// differs reports whether s shows something in mode m that net/http alone does
// not show, however often it is asked: a few things are a matter of chance. It
// has to be seen twice.
func differs(t *testing.T, s *script, m mode, file string, often int) bool {
	t.Helper()
	got := s.run(t, m, file)
	for range often {
		if agree(s, m, s.run(t, bare, file), got) {
			return false
		}
	}
	for range often {
		if agree(s, m, got, s.run(t, m, file)) {
			return true
		}
	}
	return false
}

// shrink gives the simplest script that it finds to differ as s does.
func shrink(t *testing.T, s *script, m mode, file string) *script {
	t.Helper()
	often := 2
	if s.loopback {
		often = 10
	}
	for again := true; again; {
		again = false
		for i := len(s.ops) - 1; i >= 0; i-- {
			if simpler := s.without(i); differs(t, simpler, m, file, often) {
				s, again = simpler, true
			}
		}
		for _, q := range s.request.simpler() {
			simpler := *s
			simpler.request = q
			if differs(t, &simpler, m, file, often) {
				s, again = &simpler, true
				break
			}
		}
	}
	return s
}

func drop(lines []string, hides func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(lines), hides)
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
