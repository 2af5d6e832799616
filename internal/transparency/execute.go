package main

import (
	"bufio"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"
)

type event struct {
	Action, Test, Output string
	Elapsed              float64
}

type results struct {
	Status  map[string]string // test -> pass, fail, skip, crash
	Output  map[string]string // of failed tests
	Elapsed float64
	MaxGap  float64 // longest silence
	Note    string
}

// execute runs the binary once. open lists the tests that had begun and never
// ended.
func execute(b built, p pkgSpec, run string, limit time.Duration) (r results, open []string, exitErr error) {
	cmd := command(b, p, run, limit)
	conv := exec.Command(test2json())
	pr, pw := must2(os.Pipe())
	cmd.Stdout, cmd.Stderr, conv.Stdin = pw, pw, pr
	out := must1(conv.StdoutPipe())
	must(conv.Start())
	pr.Close()
	start := time.Now()
	must(cmd.Start())
	pw.Close()
	// The binary's own -test.timeout ends it; this is for one that cannot.
	kill := time.AfterFunc(limit+20*time.Second, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	// No event for a while: a hang. SIGQUIT makes Go print the goroutines.
	stall := time.AfterFunc(stallTime, func() { cmd.Process.Signal(syscall.SIGQUIT) })
	waited := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		// Children that kept the pipe open.
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		waited <- err
	}()
	rec := newRecorder()
	sc := bufio.NewScanner(out)
	sc.Buffer(nil, 1<<24)
	for sc.Scan() {
		var e event
		if json.Unmarshal(sc.Bytes(), &e) == nil {
			stall.Reset(stallTime)
			rec.record(e)
		}
	}
	exitErr = <-waited
	kill.Stop()
	stall.Stop()
	conv.Wait()
	rec.Elapsed = time.Since(start).Seconds()
	open = rec.finish(exitErr != nil)
	return rec.results, open, exitErr
}

func command(b built, p pkgSpec, run string, limit time.Duration) *exec.Cmd {
	args := []string{"-test.v=test2json", "-test.paniconexit0", "-test.count=1",
		"-test.timeout=" + limit.String()}
	if p.short {
		args = append(args, "-test.short")
	}
	if run != "" {
		args = append(args, "-test.run="+run)
	}
	cmd := exec.Command(b.bin, append(args, p.args...)...)
	cmd.Dir, cmd.Env = b.cwd, goEnv()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// recorder makes the results of a run out of its events.
type recorder struct {
	results
	begun map[string]bool // tests that are running
	outs  map[string]*strings.Builder
	last  time.Time // of the last event
}

func newRecorder() *recorder {
	return &recorder{
		results: results{Status: map[string]string{}, Output: map[string]string{}},
		begun:   map[string]bool{},
		outs:    map[string]*strings.Builder{},
		last:    time.Now(),
	}
}

func (r *recorder) record(e event) {
	r.MaxGap = max(r.MaxGap, time.Since(r.last).Seconds())
	r.last = time.Now()
	switch e.Action {
	case "run", "cont":
		r.begun[e.Test] = true
	case "pause":
		delete(r.begun, e.Test)
	case "output":
		if r.outs[e.Test] == nil {
			r.outs[e.Test] = new(strings.Builder)
		}
		if r.outs[e.Test].Len() < 1<<17 {
			r.outs[e.Test].WriteString(e.Output)
		}
	case "pass", "fail", "skip":
		if e.Test != "" {
			r.Status[e.Test] = e.Action
			delete(r.begun, e.Test)
		}
	}
}

// finish gives the tests that had begun and never ended; failed says that the
// binary has failed.
func (r *recorder) finish(failed bool) (open []string) {
	for t, o := range r.outs {
		if t == "" || r.Status[t] == "fail" || r.begun[t] {
			r.Output[t] = o.String()
		}
	}
	for t := range r.begun {
		open = append(open, t)
	}
	// After a crash, test2json reports "fail" for tests that were running; the
	// crash itself is told by the output.
	if failed && crashRe.MatchString(strings.Join(slices.Collect(maps.Values(r.Output)), "\n")) {
		for t, s := range r.Status {
			if s == "fail" && crashRe.MatchString(r.Output[t]) {
				open = append(open, t)
			}
		}
		if len(open) == 0 {
			r.Note = "crashed outside a test"
		}
	}
	sort.Strings(open)
	return open
}

var crashRe = regexp.MustCompile(`(?m)^(panic: |fatal error: |SIG[A-Z]+: |signal: )`)
