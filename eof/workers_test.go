package eof_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// self names the goroutine that calls it.
func self() string {
	buf := make([]byte, 64)
	return strings.Fields(string(buf[:runtime.Stack(buf, false)]))[1]
}

// crew serves handlers that keep running after Send until they are told to end.
type crew struct {
	*pipenet.Server
	t    *testing.T
	at   chan string
	ends map[string]chan struct{}
}

func newCrew(t *testing.T, p pipenet.Proto, b *eof.Background) *crew {
	c := &crew{t: t, at: make(chan string, 1), ends: make(map[string]chan struct{})}
	for i := range 8 {
		c.ends[fmt.Sprint("/", i)] = make(chan struct{})
	}
	c.Server = serve(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, answer)
		eof.Send(r.Context())
		c.at <- self()
		<-c.ends[r.URL.Path]
	})
	return c
}

// begin starts handler i and names its goroutine.
func (c *crew) begin(i int) string {
	c.t.Helper()
	get(c.t, c.Server, fmt.Sprint("/", i)).want(c.t, 200, answer)
	return <-c.at
}

// end ends handlers, one after the other.
func (c *crew) end(handlers ...int) {
	for _, i := range handlers {
		c.ends[fmt.Sprint("/", i)] <- struct{}{}
		synctest.Wait() // its goroutine is back at its place
	}
}

// workers is how many goroutines for detached handlers there are in the bubble.
func (c *crew) workers() (n int) {
	c.t.Helper()
	for _, g := range bubbleStacks(c.t) {
		if strings.Contains(g, "lastbyte-go/lastbyte/eof.(*workers).work") {
			n++
		}
	}
	return n
}

func (c *crew) wantWorkers(when string, want int) {
	c.t.Helper()
	synctest.Wait()
	if n := c.workers(); n != want {
		c.t.Errorf("%s: %d goroutines for detached handlers, want %d", when, n, want)
	}
}

func TestWorkers_NewestFirst(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		c := newCrew(t, p, background(t, eof.Options{}))
		ids := []string{c.begin(0), c.begin(1), c.begin(2)}
		if ids[0] == ids[1] || ids[1] == ids[2] || ids[2] == ids[0] {
			t.Fatalf("three handlers at once run on goroutines %q, want three of them", ids)
		}
		c.end(0, 2, 1)
		got := []string{c.begin(3), c.begin(4), c.begin(5)}
		if want := []string{ids[1], ids[2], ids[0]}; !slices.Equal(got, want) {
			t.Errorf("the next handlers run on goroutines %q, want the last to end first, %q", got, want)
		}
		if id := c.begin(6); slices.Contains(ids, id) {
			t.Errorf("a fourth at once runs on goroutine %s, want a new one", id)
		}
		c.end(3, 4, 5, 6)
		c.wantWorkers("four were needed at once", 4)
	})
}

func TestWorkers_OneAfterTheOther(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		c := newCrew(t, p, background(t, eof.Options{}))
		first := c.begin(0)
		c.end(0)
		for i := range 20 {
			if id := c.begin(1); id != first {
				t.Errorf("request %d runs on goroutine %s, want %s again", i, id, first)
			}
			c.end(1)
		}
		c.wantWorkers("one was needed at a time", 1)
	})
}

// Nobody is retired who was needed in the last 10 seconds, everybody after 20.
func TestWorkers_RetiredWhenIdle(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		c := newCrew(t, p, background(t, eof.Options{}))
		ids := []string{c.begin(0), c.begin(1), c.begin(2)}
		c.end(2, 1, 0)
		time.Sleep(10*time.Second - 1)
		c.wantWorkers("before 10 s", 3)
		for i := range 5 { // two of them, with all but 10 s in between
			got := []string{c.begin(0), c.begin(1)}
			if want := ids[:2]; !slices.Equal(got, want) {
				t.Errorf("round %d: two handlers run on goroutines %q, want %q", i, got, want)
			}
			c.end(1, 0)
			time.Sleep(10*time.Second - 1)
		}
		c.wantWorkers("two were needed", 2)
		time.Sleep(10*time.Second + 1)
		c.wantWorkers("20 s after the last", 0)
		if id := c.begin(7); slices.Contains(ids, id) {
			t.Errorf("a handler after that runs on goroutine %s, want a new one", id)
		}
		c.end(7)
		c.wantWorkers("one more was needed", 1)
	})
}

// After a Shutdown none waits for the next handler. There may be one all the
// same: it is served as ever, and its goroutine ends with it.
func TestB10_WorkersAfterShutdown(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		c := newCrew(t, p, b)
		c.begin(0)
		c.begin(1)
		c.end(0)
		c.wantWorkers("one at work, one idle", 2)
		down := make(chan error, 1)
		go func() { down <- b.Shutdown(context.Background()) }()
		synctest.Wait()
		c.end(1)
		wantErr(t, "Shutdown", <-down, nil)
		c.wantWorkers("after Shutdown", 0)
		for range 2 {
			c.begin(2)
			c.wantWorkers("a handler after Shutdown", 1)
			c.end(2)
			c.wantWorkers("it has ended", 0)
		}
		shutdown(t, b)
		wantStats(t, b, eof.Stats{Done: 4})
	})
}

// The work that a forced Shutdown gave up ends when it likes; with the last of
// it the goroutines go.
func TestB10_WorkersAfterForcedShutdown(t *testing.T) {
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
		c.wantWorkers("when all have ended", 0)
		wantStats(t, b, eof.Stats{Done: 1, Lost: 2})
	})
}
