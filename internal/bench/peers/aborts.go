package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/internal/bench/rows"

	"golang.org/x/sys/unix"
)

// A server of aborts holds each request to /hold, after a first byte of its response, and
// notes when it learns that the client has left, by the clock that processes share. /times
// gives what it has noted, a line each, in nanoseconds, and forgets it.

// now is the clock.
func now() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err)
	}
	return t.Nano()
}

// notes is what a server of aborts has noted.
type notes struct {
	mu sync.Mutex
	at []int64 // guarded by mu
}

func (n *notes) add(at int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.at = append(n.at, at)
}

func (n *notes) times(w http.ResponseWriter, _ *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, at := range n.at {
		fmt.Fprintln(w, at)
	}
	n.at = nil
}

// held gives the servers of aborts: net/http's context alone, and abort.On.
func held(name string) (rows.Row, bool) {
	var n notes
	mux := http.NewServeMux()
	mux.HandleFunc("/times", n.times)
	row := rows.Row{Name: name, Handler: mux, Drain: func(context.Context) error { return nil }}
	switch name {
	case "hold:contextAfterFunc":
		mux.HandleFunc("/hold", func(w http.ResponseWriter, r *http.Request) {
			done := make(chan struct{})
			context.AfterFunc(r.Context(), func() { n.add(now()); close(done) })
			begin(w)
			<-done
		})
	case "hold:CheckOn":
		mux.Handle("/hold", abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			done := make(chan struct{})
			if err := abort.On(r.Context(), func(context.Context) { n.add(now()); close(done) }); err != nil {
				panic(err)
			}
			begin(w)
			<-done
		})))
		row.Attach = func(srv *http.Server) { srv.ConnContext = abort.ConnContext }
	default:
		return row, false
	}
	return row, true
}

// begin sends the first byte.
func begin(w http.ResponseWriter) {
	_, err := io.WriteString(w, ".")
	if err := errors.Join(err, http.NewResponseController(w).Flush()); err != nil {
		panic(err)
	}
}

// hold has the target hold a request, and returns when it does.
func hold(addr string) (net.Conn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(c, "GET /hold HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
		return nil, err
	}
	for r := bufio.NewReader(c); ; {
		line, err := r.ReadString('.')
		if err != nil {
			return nil, fmt.Errorf("no byte of the body: %w, after %q", err, line)
		}
		if strings.HasSuffix(line, "\r\n.") {
			return c, nil
		}
	}
}

// departures has n clients leave, one after the other, and gives for each how long the
// target took to learn of it, in microseconds.
func departures(t *target, n int, reset bool) (took []float64, err error) {
	var left []int64
	for range n {
		c, err := hold(t.addr)
		if err != nil {
			return nil, err
		}
		time.Sleep(time.Millisecond) // the server is at rest, as those are that wait
		if reset {
			err = c.(*net.TCPConn).SetLinger(0)
		}
		left = append(left, now())
		if err := errors.Join(err, c.Close()); err != nil {
			return nil, err
		}
		time.Sleep(3 * time.Millisecond) // one at a time
	}
	learnt, err := learnt(t, n)
	for i := range learnt {
		took = append(took, float64(learnt[i]-left[i])/1000)
	}
	return took, err
}

// learnt waits until the target has noted n departures.
func learnt(t *target, n int) (at []int64, err error) {
	for limit := time.Now().Add(20 * time.Second); len(at) < n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			return nil, fmt.Errorf("%s has noted %d of %d departures", t.name, len(at), n)
		}
		res, err := http.Get("http://" + t.addr + "/times")
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			return nil, err
		}
		for line := range strings.FieldsSeq(string(text)) {
			ns, err := strconv.ParseInt(line, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", t.name, err)
			}
			at = append(at, ns)
		}
	}
	return at, nil
}

// storm has n clients leave at once, since their process is killed, and gives the
// milliseconds until the target has learnt of the last.
func storm(t *target, n int) (float64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(self, "leave", t.addr, strconv.Itoa(n))
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe() // keeps them, until it is closed or the process killed
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		return 0, err
	}
	defer in.Close()
	_, err = bufio.NewReader(out).ReadString('\n')
	left := now()
	if err := errors.Join(err, cmd.Process.Kill()); err != nil {
		return 0, err
	}
	_ = cmd.Wait() // killed
	at, err := learnt(t, n)
	if err != nil {
		return 0, err
	}
	last := left
	for _, ns := range at {
		last = max(last, ns)
	}
	return float64(last-left) / 1e6, nil
}

// leave is the process of a storm's clients.
func leave(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("leave needs an address and a number")
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	conns := make([]net.Conn, n)
	for i := range conns {
		if conns[i], err = hold(args[0]); err != nil {
			return err
		}
	}
	fmt.Println("all at work")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
