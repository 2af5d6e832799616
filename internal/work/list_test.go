package work_test

import (
	"slices"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/work"
)

type item struct{ entry work.Entry }

func (i *item) Entry() *work.Entry { return &i.entry }
func (*item) Cancel(_, _ error)    {}

// Work may be removed from a list in any order, and added again.
func TestList(t *testing.T) {
	t.Parallel()
	items := []*item{{}, {}, {}}
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		var l work.List
		if l.Len() != 0 {
			t.Fatal("a new list is not empty")
		}
		for _, i := range items {
			l.Add(i)
		}
		left := slices.Clone(items)
		for _, n := range order {
			l.Remove(items[n])
			left = slices.DeleteFunc(left, func(i *item) bool { return i == items[n] })
			var got []*item
			for e := range l.All() {
				got = append(got, e.Work().(*item))
			}
			if !slices.Equal(got, left) || l.Len() != len(left) || len(left) > 0 && l.First().Work() != left[0] {
				t.Errorf("order %v, without %d: the list has %d items, want %d", order, n, len(got), len(left))
			}
		}
		if l.Len() != 0 {
			t.Errorf("order %v: the list is not empty at the end", order)
		}
	}
}
