package eof

// Unlocked is what a worker asks before it is used again.
func Unlocked(buf *[96]byte) bool { return unlocked(buf) }

// Resume ends a drain, as a server does that is attached after it.
func (b *Background) Resume() { (*owner)(b).Resume() }
