package node

import (
	"context"
	"errors"
	"slices"
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

// The two watches are independent: each begins once, in whatever order, and none after
// Unhook.
func TestNode_WatchesInAnyOrder(t *testing.T) {
	for _, peerFirst := range []bool{true, false} {
		parent, cancel := context.WithCancel(t.Context())
		n, ended, begun := New(parent), make(chan struct{}, 2), 0
		follow := []func(){
			func() { n.Follow(func() { ended <- struct{}{} }) },
			func() { n.FollowPeer(func() bool { begun++; return true }) },
		}
		if peerFirst {
			slices.Reverse(follow)
		}
		for range 2 {
			follow[0]()
			follow[1]()
		}
		if begun != 1 || !n.PeerFollowed() {
			t.Errorf("peer first: %t: FollowPeer has begun %d watches, want 1", peerFirst, begun)
		}
		cancel()
		<-ended
		if !n.Unhook() {
			t.Errorf("peer first: %t: Unhook() = false, want true of the peer's watch", peerFirst)
		}
		if len(ended) != 0 {
			t.Errorf("peer first: %t: the parent is followed twice, want once", peerFirst)
		}
		if n.FollowPeer(func() bool { begun++; return true }); begun != 1 || n.PeerFollowed() {
			t.Errorf("peer first: %t: FollowPeer begins after Unhook, want nothing", peerFirst)
		}
	}
}
