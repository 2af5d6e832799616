//go:build unix

package durable_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

const (
	requests = 200
	clients  = 8
)

// The process is killed at a moment that is drawn anew for each round, while clients send
// requests and tasks run: at a response, whose number is drawn, and up to a millisecond
// later. Every task that a client was told of runs, and one that is noted to be done in
// the transaction of its own work has its effect once.
func TestD4_Kill(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		told := kills(t, url, testkit.Rounds(3, 50), func(n int) string {
			return fmt.Sprintf("/task/%s/%d", []string{"run", "once"}[n%2], n)
		})
		ran := newChild(t, url, nameEnv+"=killed").drained(time.Minute)
		lost, twice := compared(told, ran)
		t.Logf("%d tasks, of which clients were told of %d: %d lost; ran more than once: %d, with JobCompleteTx %d",
			len(ran), len(told), len(lost), twice[0], twice[1])
		if len(lost) > 0 {
			t.Errorf("lost: %v", lost)
		}
		if twice[1] > 0 {
			t.Errorf("%d tasks with JobCompleteTx had their effect more than once", twice[1])
		}
	})
}

// kills runs rounds, and gives the numbers of the tasks that clients were told of.
func kills(t *testing.T, url string, rounds int, path func(n int) string) map[int]bool {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	all := map[int]bool{}
	for round := range rounds {
		c := newChild(t, url, nameEnv+"=killed")
		last, pause := int64(1+random.IntN(requests)), time.Duration(random.IntN(int(time.Millisecond)))
		numbers := make(chan int, requests)
		for n := range requests {
			numbers <- round*requests + n
		}
		close(numbers)
		var (
			mu   sync.Mutex
			told atomic.Int64
			wg   sync.WaitGroup
		)
		for range clients {
			wg.Go(func() {
				for n := range numbers {
					if !answered(c.url + path(n)) {
						return // the process has been killed
					}
					mu.Lock()
					all[n] = true
					mu.Unlock()
					if told.Add(1) == last {
						time.Sleep(pause) // so that the moment does not depend on that of a response
						c.kill()
					}
				}
			})
		}
		wg.Wait()
	}
	return all
}

// answered sends a request, and reports whether the client was told that its task is there.
func answered(url string) bool {
	res, err := http.Post(url, "", nil)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return err == nil && res.StatusCode == 200 && string(text) == "got the task!\n"
}

// compared gives the tasks that were lost, and how many ran more than once: of those with
// an even number, and of the others.
func compared(told map[int]bool, ran map[int]int) (lost []int, twice [2]int) {
	for n := range told {
		if ran[n] == 0 {
			lost = append(lost, n)
		}
	}
	for n, times := range ran {
		if times > 1 {
			twice[n%2]++
		}
	}
	return lost, twice
}

func post(t *testing.T, c *process, path string, n int) {
	t.Helper()
	if !answered(fmt.Sprint(c.url, path, n)) {
		t.Fatalf("POST %s%d was not answered", path, n)
	}
}

// Jobs of a process that has died are given back when the next one opens the file, and it
// says how many.
func TestD5_AtOpen(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		one := newChild(t, url, nameEnv+"=the same", holdEnv+"=1")
		for n := range 3 {
			post(t, one, "/task/held/", n)
		}
		for range 3 {
			if line := one.line(); !strings.HasPrefix(line, "holding") {
				t.Fatalf("the child says %q, want that it holds a task", line)
			}
		}
		one.kill()
		two := newChild(t, url, nameEnv+"=the same")
		if ran := two.drained(20 * time.Second); len(ran) != 3 {
			t.Errorf("%d tasks ran, want 3", len(ran))
		}
		two.kill()
		if want := "gave back jobs of a process that has died"; !strings.Contains(two.log.String(), want) || !strings.Contains(two.log.String(), "jobs=3") {
			t.Errorf("the log has %q, want %q and jobs=3", two.log, want)
		}
	})
}

// Two processes work on one database of PostgreSQL. One is killed, and its jobs run on
// the other, which is not the leader yet: that takes up to half a minute.
func TestD5_OtherProcess(t *testing.T) {
	if testkit.Rounds(0, 1) == 0 {
		t.Skip("River looks for such jobs every 30 seconds: LASTBYTE_LONG=1 waits for it")
	}
	t.Parallel()
	url := postgres(t)
	one := newChild(t, url, rescueEnv+"=1s", holdEnv+"=1")
	for n := range 5 {
		post(t, one, "/task/held/", n)
	}
	for range 5 {
		one.line()
	}
	two := newChild(t, url, rescueEnv+"=1s")
	one.kill()
	if ran := two.drained(2 * time.Minute); len(ran) != 5 {
		t.Errorf("%d tasks ran, want 5", len(ran))
	}
}
