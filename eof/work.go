package eof

import "time"

// Item is a piece of work of a [Background].
type Item struct {
	Kind    string // "handler", "task"
	Name    string // method and route of the request that it is of
	Running bool   // false: it waits, or has ended
	Since   time.Time
}
