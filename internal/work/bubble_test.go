package work_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/work"
)

// A canary: it fails when a release of Go changes the clock of bubbles.
func TestInBubble(t *testing.T) {
	if work.InBubble() {
		t.Error("InBubble() = true outside of a bubble, want false")
	}
	synctest.Test(t, func(t *testing.T) {
		for range 3 {
			if !work.InBubble() {
				t.Errorf("InBubble() = false in a bubble at %v, want true", time.Now())
			}
			time.Sleep(40 * 365 * 24 * time.Hour)
		}
	})
}
