package work

import "time"

// InBubble reports whether the caller runs in a testing/synctest bubble. That
// package does not tell, but the times of a bubble have no monotonic clock reading
// (time_now of package runtime, Go 1.26 and 1.27).
func InBubble() bool {
	t := time.Now()
	return t == t.Round(0)
}

// IsBubbles reports whether [Now] gave d in a bubble. The clock of a bubble begins in the
// year 2000, which is before this process: so d is negative, for the first decades of a
// bubble.
func IsBubbles(d time.Duration) bool { return d < 0 }
