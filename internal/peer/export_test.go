package peer

import "unsafe"

// ConnSize is what a connection costs that never asks.
const ConnSize = unsafe.Sizeof(Conn{})

// String is for failure texts.
func (s State) String() string {
	return [...]string{"Unknown", "Alive", "Closed", "Reset", "Local"}[s]
}
