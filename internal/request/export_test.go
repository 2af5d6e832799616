package request

import "github.com/lastbyte-go/lastbyte/internal/lifecycle"

// StateOf is the state of r.
func StateOf(r *Request) lifecycle.State { return r.state.Load() }
