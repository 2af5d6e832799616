package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/middleware"
)

const work = 50 * time.Millisecond

// server is the example, and clients that count for themselves.
type server struct {
	url    string
	client *http.Client
	life   *middleware.Lifecycle
	counts [kinds]atomic.Int64 // what the clients have done
}

// The kinds of requests.
const (
	plain = iota
	notFound
	dropped
	left
	task
	mail
	kinds
)

func start(t *testing.T) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{url: "http://" + ln.Addr().String(), client: &http.Client{Transport: new(http.Transport)}}
	s.life = middleware.New(middleware.Options{Background: eof.Options{Pending: 1 << 16}})
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan error)
	go func() { over <- s.life.Serve(ctx, &http.Server{Handler: routes(s.life, time.Minute, work)}, ln) }()
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		stop()
		if err := <-over; err != nil {
			t.Errorf("Serve() = %v, want nil", err)
		}
	})
	return s
}

// do sends a request of a kind, and counts it.
func (s *server) do(t *testing.T, kind int) {
	method, path, want := "GET", "/", http.StatusOK
	ctx := t.Context()
	switch kind {
	case notFound:
		path, want = "/exit/404", http.StatusNotFound
	case dropped: // Go's client sends a GET again that was dropped on a connection in use
		method, path, want = "POST", "/exit/444", 0
	case left:
		path, want = "/report", 0
		with, cancel := context.WithTimeout(ctx, work/10)
		defer cancel()
		ctx = with
	case task:
		method, path = "POST", "/tasks"
	case mail:
		method, path, want = "POST", "/mail", http.StatusAccepted
	}
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, nil)
	if err != nil {
		t.Error(err)
		return
	}
	got := 0
	if res, err := s.client.Do(req); err == nil {
		_, err = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if got = res.StatusCode; err != nil {
			t.Errorf("%s %s: %v, want the whole body", method, path, err)
		}
	}
	if got != want {
		t.Errorf("%s %s = %d, want %d", method, path, got, want)
	}
	s.counts[kind].Add(1)
}

// scrape gives the series of a scrape over the wire.
func (s *server) scrape(t *testing.T) map[string]float64 {
	res, err := s.client.Get(s.url + "/metrics")
	if err != nil {
		t.Error(err)
		return nil
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("GET /metrics = %d, %v, want 200 and all of it", res.StatusCode, err)
	}
	found := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if series, value, ok := strings.Cut(strings.TrimSpace(line), "} "); ok {
			found[series+"}"], _ = strconv.ParseFloat(value, 64)
		} else if series, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && series != "#" {
			found[series], _ = strconv.ParseFloat(value, 64)
		}
	}
	return found
}

func sum(found map[string]float64, prefix string) (n float64) {
	for series, value := range found {
		if strings.HasPrefix(series, prefix) {
			n += value
		}
	}
	return n
}

// Scrapes under load never go back, and in the end they, Lifecycle.Stats and what the
// clients have counted are the same.
func TestM1_UnderLoad(t *testing.T) {
	s := start(t)
	over := make(chan struct{})
	var clients, scraper sync.WaitGroup
	scraper.Go(func() {
		for last := 0.0; ; {
			found := s.scrape(t)
			ended := sum(found, "lastbyte_endings_total{")
			if now := s.life.Stats(); ended < last || ended > float64(now.Requests) {
				t.Errorf("%v endings after %v, of %d requests, want them between", ended, last, now.Requests)
			}
			if clients := sum(found, "lastbyte_aborts_total{"); clients > found[`lastbyte_endings_total{ending="client"}`] {
				t.Errorf("%v aborts, want no more than endings by a client: %v", clients, found)
			}
			last = ended
			select {
			case <-over:
				return
			default:
			}
		}
	})
	for client := range 4 {
		clients.Go(func() {
			for i := range 100 {
				s.do(t, (client+i)%kinds)
			}
		})
	}
	clients.Wait()
	close(over)
	scraper.Wait()
	s.rest(t)
	s.check(t)
}

// rest waits until nothing is at work.
func (s *server) rest(t *testing.T) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 20_000 {
		if now := s.life.Stats(); now.Active+now.Background.Detached+now.Background.Running+now.Background.Pending == 0 {
			return
		}
		<-tick.C
	}
	t.Fatalf("Stats = %+v, want nothing at work any more", s.life.Stats())
}

func (s *server) check(t *testing.T) {
	t.Helper()
	found, now := s.scrape(t), s.life.Stats()
	did := func(kinds ...int) (n float64) {
		for _, k := range kinds {
			n += float64(s.counts[k].Load())
		}
		return n
	}
	// A client that gave up before its request was sent is no abort.
	aborts := sum(found, "lastbyte_aborts_total{")
	if aborts == 0 || aborts > did(left) {
		t.Errorf("%v aborts, want some of the %v clients that left", aborts, did(left))
	}
	for _, c := range []struct {
		series              string
		got, clients, stats float64
	}{
		{"endings", sum(found, "lastbyte_endings_total{"), did(plain, notFound, dropped, task, mail) + aborts, float64(now.Requests)},
		{"handler", found[`lastbyte_endings_total{ending="handler"}`], did(plain, mail), float64(now.Requests - now.Aborts - now.EOFs - uint64(did(notFound, dropped)))},
		{"aborts", aborts, aborts, float64(now.Aborts)},
		{"abort seconds", found["lastbyte_abort_seconds_count"], aborts, float64(now.Aborts)},
		{"send", found[`lastbyte_endings_total{ending="send"}`], did(task), float64(now.EOFs)},
		{"404", found[`lastbyte_exits_total{code="404",route="/exit/{code}"}`], did(notFound), float64(now.Exits) - did(dropped) - sum(found, `lastbyte_exits_total{code="499"`)},
		{"444", found[`lastbyte_exits_total{code="444",route="/exit/{code}"}`], did(dropped), did(dropped)},
		{"detached", found["lastbyte_detached_seconds_count"], did(task), did(task)},
		{"tasks", found["lastbyte_task_seconds_count"], did(mail), did(mail)},
		{"done", found[`lastbyte_background_tasks_total{result="done"}`], did(task, mail), float64(now.Background.Done)},
		{"promhttp's 444", found[`http_request_duration_seconds_count{code="444",method="post"}`], did(dropped), did(dropped)},
		{"promhttp's 499", found[`http_request_duration_seconds_count{code="499",method="get"}`], aborts, aborts},
	} {
		if c.got != c.clients || c.got != c.stats {
			t.Errorf("%s = %v, want %v as the clients counted, and %v as of Stats", c.series, c.got, c.clients, c.stats)
		}
	}
	if t.Failed() {
		t.Logf("Stats: %+v", now)
		for series, n := range found {
			if n != 0 && !strings.Contains(series, "bucket") {
				t.Log(series, n)
			}
		}
	}
}
