package work

import "time"

// InBubble reports whether the caller runs in a testing/synctest bubble. That
// package does not tell, but the times of a bubble have no monotonic clock reading
// (time_now of package runtime, Go 1.26 and 1.27).
func InBubble() bool {
	t := time.Now()
	return t == t.Round(0)
}
