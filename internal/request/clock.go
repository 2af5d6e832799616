package request

import "time"

// epoch is where this package's clock begins: to read the monotonic clock alone
// takes half the time of time.Now.
var epoch = time.Now()

func now() time.Duration { return time.Since(epoch) }

// date is the time at which now gave d. The dates of one d are Equal, though
// the system's clock may have been set in between.
func date(d time.Duration) time.Time {
	t := time.Now()
	return t.Add(d - t.Sub(epoch))
}

// Age is how long ago the request began.
func (r *Request) Age() time.Duration { return now() - r.start }
