package work

import "time"

// epoch is where the clock of Now begins: to read the monotonic clock alone takes half the
// time of time.Now.
var epoch = time.Now()

// Now is what the clock of this module says.
func Now() time.Duration { return time.Since(epoch) }

// At is what Now gave at t, which has to have a monotonic clock reading where the system's
// clock may have been set since.
func At(t time.Time) time.Duration { return t.Sub(epoch) }

// Date is the time at which Now gave d. The dates of one d are Equal, though the system's
// clock may have been set in between.
func Date(d time.Duration) time.Time {
	t := time.Now()
	return t.Add(d - At(t))
}
