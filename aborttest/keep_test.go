package aborttest_test

import (
	"net/http"
	"runtime"
	"testing"
	"weak"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// A run that has ended keeps nothing: ten thousand of them fit into memory.
func TestRun_KeepsNothing(t *testing.T) {
	var lives []weak.Pointer[middleware.Lifecycle]
	aborttest.Run(t, http.HandlerFunc(waits), func(t *testing.T, c *aborttest.Client) {
		lives = append(lives, weak.Make(c.Lifecycle()))
		call := c.Get("/")
		call.Arrived()
		call.Leave(aborttest.Close)
		call.Outcome()
	})
	for range 100 { // what a cleanup holds goes one cycle later
		runtime.GC()
		if lives[0].Value() == nil && lives[1].Value() == nil {
			return
		}
	}
	t.Error("a Lifecycle is reachable after its run, want none")
}
