package testkit

import (
	"testing"
	"time"
)

// Await receives from ch. It fails the test after 20 seconds, which a healthy
// test never reaches, however slow the machine is.
func Await[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	select {
	case v := <-ch:
		return v
	case <-limit.C:
		t.Fatalf("%s: nothing came, want one", what)
		panic("unreachable")
	}
}
