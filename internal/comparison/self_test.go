package comparison

import "testing"

// TestComparison_Itself holds that net/http alone gives twice the same, but for
// what is a matter of chance: else the comparison would find nothing.
func TestComparison_Itself(t *testing.T) {
	file := newFile(t)
	chance := uint64(0)
	for seed := range usual() {
		s := read(random(seed))
		if !agree(s, bare, s.run(t, bare, file), s.run(t, bare, file)) {
			chance++
			t.Logf("seed %d\n%s%s", seed, s, diff(s.run(t, bare, file), s.run(t, bare, file)))
		}
	}
	if chance > usual()/10 {
		t.Errorf("%d of %d scripts differ from themselves, want at most %d", chance, usual(), usual()/10)
	}
}
