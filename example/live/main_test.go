package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// The page has the request of a client that has left, and how it ended.
func TestLive_Ending(t *testing.T) {
	life := middleware.New(middleware.Options{})
	c := aborttest.ServerWith(t, aborttest.Options{Protocols: []aborttest.Protocol{aborttest.HTTP1}, Lifecycle: life}, router(life))
	call := c.Get("/report/books")
	call.Arrived()
	call.Leave(aborttest.Close)
	call.Outcome()
	r := c.NewRequest("GET", "/debug/requests?format=json", nil)
	if res := c.Do(r).Response(); res.Status != http.StatusOK || !strings.Contains(res.Body, "/report/{name}") || !strings.Contains(res.Body, "499") {
		t.Errorf("Response = %+v, want the ending of the report", res)
	}
}
