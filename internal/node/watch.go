package node

import "context"

// Follow begins the watch of the parent, once: f is called on a goroutine of package
// context when the parent ends, unless n is unhooked before.
func (n *Node) Follow(f func()) {
	for begun := false; !begun; {
		w := n.watch.Load()
		if w&(theParent|unhooked) != 0 {
			return
		}
		begun = n.watch.CompareAndSwap(w, w|theParent)
	}
	stop := context.AfterFunc(n.parent, f)
	n.mu.Lock()
	late := n.unhooked()
	if !late {
		n.stop = stop
	}
	n.mu.Unlock()
	if late {
		stop()
	}
}

// FollowPeer begins another watch, of the client's end of the connection, once:
// begin reports whether it could. It is not called when n is unhooked, and Unhook
// waits for it.
func (n *Node) FollowPeer(begin func() bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.watch.Load()&(thePeer|unhooked) == 0 && begin() {
		n.watch.Or(thePeer)
	}
}

// Followed reports whether anything is watched: somebody waits for the end of n.
func (n *Node) Followed() bool { return n.watch.Load()&(theParent|thePeer) != 0 }

// PeerFollowed reports whether the watch of FollowPeer has begun.
func (n *Node) PeerFollowed() bool { return n.watch.Load()&thePeer != 0 }

func (n *Node) unhooked() bool { return n.watch.Load()&unhooked != 0 }

// ParentEnded reports whether the parent has ended, and n is not unhooked from it.
func (n *Node) ParentEnded() bool { return n.parent.Err() != nil && !n.unhooked() }

// Unhook has the parent's end not end n any more. It reports whether there was a watch of
// FollowPeer, which the caller ends.
func (n *Node) Unhook() (peer bool) {
	if n.watch.Or(unhooked)&(theParent|thePeer) == 0 {
		return false // who begins to watch from now on finds that it may not
	}
	n.mu.Lock()
	stop := n.stop
	n.stop = nil
	peer = n.watch.And(^thePeer)&thePeer != 0
	n.mu.Unlock()
	if stop != nil {
		stop()
	}
	return peer
}
