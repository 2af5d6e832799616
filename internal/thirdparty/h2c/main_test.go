package thirdparty_test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// The tests are on real sockets: no bubble tells of a goroutine that they leave
// behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leaked(5 * time.Second); code == 0 && len(left) > 0 {
		fmt.Printf("%d goroutines are left after the tests:\n\n%s\n", len(left), strings.Join(left, "\n\n"))
		code = 1
	}
	os.Exit(code)
}

// leaked gives the goroutines that are still there after limit, but this one,
// the runtime's and the watcher of sockets, which is made to stay. There is no
// event that says the last one is gone: it has to look again.
func leaked(limit time.Duration) []string {
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(limit); ; <-again.C {
		left := goroutines()
		if len(left) == 0 || time.Now().After(end) {
			return left
		}
	}
}

func goroutines() []string {
	buf := make([]byte, 1<<20)
	all := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	return slices.DeleteFunc(all[1:], func(g string) bool { // the first is this one
		return strings.Contains(g, "lastbyte/internal/peer.") || strings.Contains(g, "os/signal.")
	})
}
