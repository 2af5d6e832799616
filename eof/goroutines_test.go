package eof_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// crew serves handlers that keep running after Send until they are told to end.
type crew struct {
	*pipenet.Server
	t    *testing.T
	at   chan struct{}
	ends map[string]chan struct{}
}

func newCrew(t *testing.T, p pipenet.Proto, b *eof.Background) *crew {
	c := &crew{t: t, at: make(chan struct{}, 1), ends: make(map[string]chan struct{})}
	for i := range 8 {
		c.ends[fmt.Sprint("/", i)] = make(chan struct{})
	}
	c.Server = serve(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, answer)
		eof.Send(r.Context())
		c.at <- struct{}{}
		<-c.ends[r.URL.Path]
	})
	return c
}

// begin starts handler i.
func (c *crew) begin(i int) {
	c.t.Helper()
	get(c.t, c.Server, fmt.Sprint("/", i)).want(c.t, 200, answer)
	<-c.at
}

// end ends handlers, one after the other.
func (c *crew) end(handlers ...int) {
	for _, i := range handlers {
		c.ends[fmt.Sprint("/", i)] <- struct{}{}
		synctest.Wait() // its goroutine has ended
	}
}

// goroutines is how many goroutines for detached handlers there are in the bubble.
func (c *crew) goroutines() (n int) {
	c.t.Helper()
	for _, g := range bubbleStacks(c.t) {
		if strings.Contains(g, "lastbyte-go/lastbyte/internal/work.Start.func1(") {
			n++
		}
	}
	return n
}

func (c *crew) wantGoroutines(when string, want int) {
	c.t.Helper()
	synctest.Wait()
	if n := c.goroutines(); n != want {
		c.t.Errorf("%s: %d goroutines for detached handlers, want %d", when, n, want)
	}
}

// A handler may come after a Shutdown: it is served as ever, and its goroutine ends with
// it.
func TestB10_GoroutinesAfterShutdown(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		c := newCrew(t, p, b)
		c.begin(0)
		c.begin(1)
		c.end(0)
		c.wantGoroutines("one at work, one over", 1)
		down := make(chan error, 1)
		go func() { down <- b.Shutdown(context.Background()) }()
		synctest.Wait()
		c.end(1)
		wantErr(t, "Shutdown", <-down, nil)
		c.wantGoroutines("after Shutdown", 0)
		for range 2 {
			c.begin(2)
			c.wantGoroutines("a handler after Shutdown", 1)
			c.end(2)
			c.wantGoroutines("it has ended", 0)
		}
		shutdown(t, b)
		wantStats(t, b, eof.Stats{Done: 4})
	})
}

// The work that a forced Shutdown gave up ends when it likes; with the last of
// it the goroutines go.
func TestB10_GoroutinesAfterForcedShutdown(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		c := newCrew(t, p, b)
		c.begin(0)
		c.begin(1)
		c.begin(2)
		c.end(2)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		wantErr(t, "Shutdown without time", b.Shutdown(ctx), context.Canceled)
		c.end(0)
		c.end(1)
		c.wantGoroutines("when all have ended", 0)
		wantStats(t, b, eof.Stats{Done: 1, Lost: 2})
	})
}
