package usercall

import (
	"fmt"

	"github.com/lastbyte-go/lastbyte/internal/work"
)

// Apart runs f, which is the user's, on a goroutine of its own, and waits for it:
// neither a panic of f nor runtime.Goexit reaches the caller. ok: f returned; else v
// is what it panicked with, nil for runtime.Goexit.
func Apart(f func()) (v any, ok bool) {
	over := make(chan struct{})
	work.Go(func() {
		defer func() { v = recover() }()
		f()
		ok = true
	}, func() { close(over) })
	<-over
	return v, ok
}

// Printed is v, that somebody has panicked with, as text. The methods of v are the
// user's.
func Printed(v any) string {
	text := fmt.Sprintf("a %T that does not print", v)
	Apart(func() { text = fmt.Sprint(v) })
	return text
}
