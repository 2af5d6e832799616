package eof

// Unlocked is what a worker asks before it is used again.
func Unlocked(buf *[96]byte) bool { return unlocked(buf) }
