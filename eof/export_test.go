package eof

// Resume ends a drain, as a server does that is attached after it.
func (b *Background) Resume() { (*owner)(b).Resume() }
