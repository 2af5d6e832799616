package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
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
func start(name string, env []string, args ...string) (*target, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, append([]string{"serve", name}, args...)...)
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

// A job is how a load generator asks.
type job struct {
	what       string
	tool       string
	args       []string
	count, per *regexp.Regexp // of requests that were answered, and how many in a second
}

// What bench-wire and bench-ngx have the targets do.
var (
	keepAlive      = h2load("HTTP/1.1, 64 connections", "--h1", "-n3000", "-c64")
	newConnections = wrk("HTTP/1.1, a new connection for each request, 64 at a time", "-c64", "-HConnection: close")
	streams        = h2load("HTTP/2 without TLS, one connection with 100 streams at a time", "-n3000", "-c1", "-m100")
)

func h2load(what string, args ...string) job {
	return job{what, "h2load", args,
		regexp.MustCompile(`requests: .* (\d+) done`), regexp.MustCompile(`finished in .*, ([0-9.]+) req/s`)}
}

func wrk(what string, args ...string) job {
	return job{what, "wrk", append([]string{"-t1", "-d1s"}, args...),
		regexp.MustCompile(`(\d+) requests in`), regexp.MustCompile(`Requests/sec: +([0-9.]+)`)}
}

// rounds is how often the job is done if nobody says. A run of wrk takes a second.
func (j job) rounds() int {
	if j.tool == "wrk" {
		return 5
	}
	return 10
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

var generators = map[string]string{"wrk": "wrk", "h2load": "nghttp2-client"}

// sample is what one run of a job has measured.
type sample struct {
	perSecond float64
	cpu       float64 // of the server, microseconds per request
}

// run has the job's tool ask the target.
func (j job) run(t *target) (s sample, err error) {
	before, err := t.cpu()
	if err != nil {
		return s, err
	}
	out, err := exec.Command(j.tool, append(j.args, t.url())...).CombinedOutput()
	if err != nil {
		return s, fmt.Errorf("%s of %s: %w\n%s", j.tool, t.name, err, out)
	}
	after, err := t.cpu()
	if err != nil {
		return s, err
	}
	count, err1 := find(j.count, out)
	perSecond, err2 := find(j.per, out)
	if err := errors.Join(err1, err2); err != nil {
		return s, fmt.Errorf("%s of %s: %w\n%s", j.tool, t.name, err, out)
	}
	if count == 0 {
		return s, fmt.Errorf("%s has had no request answered by %s:\n%s", j.tool, t.name, out)
	}
	return sample{perSecond, float64((after - before).Nanoseconds()) / 1000 / count}, nil
}

func find(what *regexp.Regexp, in []byte) (float64, error) {
	m := what.FindSubmatch(in)
	if m == nil {
		return 0, fmt.Errorf("no %v in what it printed", what)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}
