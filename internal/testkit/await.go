package testkit

import (
	"strings"
	"testing"
	"time"
)

// Await receives from ch. It fails the test after 20 seconds, which a healthy
// test never reaches, however slow the machine is, and says then where each goroutine
// is: what fails once a day has to tell why the first time.
func Await[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	select {
	case v := <-ch:
		return v
	case <-limit.C:
		t.Fatalf("%s: nothing came, want one; the goroutines are:\n\n%s", what, strings.Join(Goroutines(), "\n\n"))
		panic("unreachable")
	}
}
