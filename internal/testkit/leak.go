package testkit

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// Main is the body of a TestMain: it runs the tests, and fails if they leave a
// goroutine behind. It is for the packages whose tests use real sockets, where
// no synctest bubble reports such a goroutine.
func Main(m *testing.M) {
	code := m.Run()
	if left := leaked(5 * time.Second); code == 0 && len(left) > 0 {
		fmt.Printf("%d goroutines are left after the tests:\n\n%s\n", len(left), strings.Join(left, "\n\n"))
		code = 1
	}
	os.Exit(code)
}

// leaked returns the goroutines that still exist after limit. No event tells
// that the last one has ended, so it looks again and again.
func leaked(limit time.Duration) []string {
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(limit); ; <-again.C {
		left := Goroutines()
		if len(left) == 0 || time.Now().After(end) {
			return left
		}
	}
}

// Goroutines returns the stacks of all goroutines but the calling one, the
// runtime's, and that of internal/peer, which watches sockets and stays for as
// long as the process does.
func Goroutines() []string {
	buf := make([]byte, 1<<20)
	all := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	return slices.DeleteFunc(all[1:], func(g string) bool { // the first is the calling one
		return strings.Contains(g, "lastbyte-go/lastbyte/internal/peer.") || strings.Contains(g, "os/signal.")
	})
}
