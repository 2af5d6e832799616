package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// A target is a server in a process of its own.
type target struct {
	name string
	addr string // host:port
	path string
	pid  int // of the process that serves
	stop func() error
}

func (t *target) url() string { return "http://" + t.addr + t.path }

// start starts this program as a server of a row, see serve.
func start(name string, h2c bool, env ...string) (*target, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{"serve", name}
	if h2c {
		args = append(args, "h2c")
	}
	cmd := exec.Command(self, args...)
	cmd.Env, cmd.Stderr = append(os.Environ(), env...), os.Stderr
	in, err := cmd.StdinPipe() // the server ends with it, so also if this process is killed
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() error { return errors.Join(in.Close(), cmd.Wait()) }
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the server of %s: %w", name, err), stop())
	}
	return &target{name, strings.TrimSpace(addr), "/", cmd.Process.Pid, stop}, nil
}

// cpu is the processor time that the target has had, as Linux counts it in nanoseconds.
func (t *target) cpu() (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", t.pid))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("no processor time of process %d: it needs Linux's /proc, and the process", t.pid)
	}
	var sum time.Duration
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // a thread that has ended since
		}
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// A job is how a target is asked.
type job struct {
	what string
	h2c  bool
	ask  func(t *target) (requests int, took time.Duration, err error)
}

// What bench-wire and bench-ngx have the targets do.
var (
	keepAlive      = job{"HTTP/1.1, 64 connections", false, h2load(5000, "--h1", "-c64")}
	newConnections = job{"HTTP/1.1, a new connection for each request, 64 at a time", false, dialEach(2000, 64)}
	streams        = job{"HTTP/2 without TLS, one connection with 100 streams at a time", true, h2load(5000, "-c1", "-m100")}
)

var (
	answered = regexp.MustCompile(`requests: .* (\d+) done`)
	finished = regexp.MustCompile(`finished in ([0-9.]+m?s),`)
)

// h2load asks n times.
func h2load(n int, args ...string) func(t *target) (int, time.Duration, error) {
	args = append(args, fmt.Sprintf("-n%d", n))
	return func(t *target) (int, time.Duration, error) {
		out, err := exec.Command("h2load", append(args, t.url())...).CombinedOutput()
		if err != nil {
			return 0, 0, fmt.Errorf("h2load: %w\n%s", err, out)
		}
		requests, took, err := read(out)
		if err == nil && requests != n {
			err = fmt.Errorf("%d of %d requests were answered", requests, n)
		}
		if err != nil {
			return 0, 0, fmt.Errorf("h2load: %w\n%s", err, out)
		}
		return requests, took, nil
	}
}

// read reads what h2load has printed.
func read(out []byte) (requests int, took time.Duration, err error) {
	n, in := answered.FindSubmatch(out), finished.FindSubmatch(out)
	if n == nil || in == nil {
		return 0, 0, errors.New("it has printed something else")
	}
	requests, err1 := strconv.Atoi(string(n[1]))
	took, err2 := time.ParseDuration(string(in[1]))
	return requests, took, errors.Join(err1, err2)
}

// dialEach asks n times, on connections of their own, so many at a time. h2load cannot.
func dialEach(n, together int) func(t *target) (int, time.Duration, error) {
	return func(t *target) (int, time.Duration, error) {
		begin := time.Now()
		var left atomic.Int64
		left.Store(int64(n))
		var all errgroup.Group
		for range together {
			all.Go(func() error {
				for left.Add(-1) >= 0 {
					if err := dialAndAsk(t); err != nil {
						return err
					}
				}
				return nil
			})
		}
		err := all.Wait()
		return n, time.Since(begin), err
	}
}

func dialAndAsk(t *target) error {
	c, err := net.Dial("tcp", t.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.(*net.TCPConn).SetLinger(0); err != nil { // no TIME-WAIT, of which there would be too many
		return err
	}
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", t.path, t.addr); err != nil {
		return err
	}
	response, err := io.ReadAll(c)
	if err == nil && !strings.HasPrefix(string(response), "HTTP/1.1 ") {
		err = fmt.Errorf("no response from %s: %q", t.name, response)
	}
	return err
}

// installed says which of the programs are missing, and where they come from.
func installed(programs map[string]string) error {
	var missing []error
	for program, pkg := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, fmt.Errorf("%s is not installed; in Debian it comes with the package %s", program, pkg))
		}
	}
	return errors.Join(missing...)
}

var generators = map[string]string{"h2load": "nghttp2-client"}

// sample is what a job has measured.
type sample struct {
	perSecond float64
	cpu       float64 // of the server, microseconds per request
}

// run has the target asked, and measures its processor time.
func (j job) run(t *target) (s sample, err error) {
	before, err := t.cpu()
	if err != nil {
		return s, err
	}
	requests, took, err := j.ask(t)
	if err != nil {
		return s, fmt.Errorf("%s: %w", t.name, err)
	}
	after, err := t.cpu()
	if err != nil {
		return s, err
	}
	n := float64(requests)
	return sample{n / took.Seconds(), float64((after - before).Nanoseconds()) / 1000 / n}, nil
}
