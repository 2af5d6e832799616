package node

import (
	"context"
	"errors"
	"testing"
)

// A context that has ended is so for all who look, though the goroutine that
// asked for Done for the first time, or the one that ended it, has not come to
// say so to package context.
func TestNode_EndIsSeenByAll(t *testing.T) {
	why := errors.New("why")
	for name, look := range map[string]func(n *Node) bool{
		"Cause": func(n *Node) bool { return context.Cause(n) == why },
		"Err":   func(n *Node) bool { return n.Err() == context.Canceled && n.std.Load().Err() != nil },
		"Done": func(n *Node) bool {
			select {
			case <-n.Done():
				return true
			default:
				return false
			}
		},
		"child": func(n *Node) bool {
			c, cancel := context.WithCancel(n)
			defer cancel()
			return c.Err() == context.Canceled && context.Cause(c) == why
		},
	} {
		n := New(t.Context())
		n.Done()
		n.end.Store(NewEnd(context.Canceled, why)) // Cancel would tell std now
		if !look(n) {
			t.Errorf("%s does not show the end", name)
		}
	}
}
