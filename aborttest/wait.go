package aborttest

import "time"

// awaitEvent waits until something has ended since seen of them had, or until until.
// On loopback it does not wait longer than a moment: what is counted may change a
// little after the event.
func (c *Call) awaitEvent(seen int, until time.Time) {
	k := c.client
	longest := time.Until(until)
	if !k.bubble {
		longest = min(longest, time.Millisecond)
	}
	passed := false
	timer := time.AfterFunc(longest, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		passed = true
		k.changed.Broadcast()
	})
	defer timer.Stop()
	k.mu.Lock()
	defer k.mu.Unlock()
	for k.events == seen && !passed {
		k.changed.Wait()
	}
}
