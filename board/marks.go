package board

import "slices"

// seconds is how much of the past is counted second by second.
const seconds = 60

// mark is what the totals were when the first ending of a second came.
type mark struct {
	second int64 // of Unix time
	totals [kinds]uint64
}

// markLocked notes the totals if there is no mark for the second yet. of: the ending that
// is the first one, and counted already; kinds: it is none.
func (l *kept) markLocked(second int64, of kind, totals func() [kinds]uint64) {
	if n := len(l.marks); n > 0 && l.marks[n-1].second >= second {
		return
	}
	t := totals()
	if of < kinds && t[of] > 0 {
		t[of]--
	}
	if len(l.marks) > seconds {
		l.marks = slices.Delete(l.marks, 0, len(l.marks)-seconds)
	}
	l.marks = append(l.marks, mark{second, t})
}

// rates are the endings of each kind in each of the last seconds, the one of now last.
func (l *kept) rates(now int64, totals func() [kinds]uint64) (first int64, rates [kinds][seconds]uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.markLocked(now, kinds, totals)
	first = now - seconds + 1
	next := totals()
	for i, m := seconds-1, len(l.marks)-1; i >= 0; i-- {
		at := first + int64(i)
		for m > 0 && l.marks[m].second > at {
			m--
		}
		// Without a mark of its own the second has no endings.
		if m < 0 || l.marks[m].second != at {
			continue
		}
		for k := range kinds {
			rates[k][i] = next[k] - min(l.marks[m].totals[k], next[k])
		}
		next = l.marks[m].totals
	}
	return first, rates
}
