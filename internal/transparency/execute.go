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

// execute runs the binary once. done lists tests with an outcome, open those
// that had begun and never ended.
func execute(b built, p pkgSpec, run string, limit time.Duration) (r results, open []string, exitErr error) {
	args := []string{"-test.v=test2json", "-test.paniconexit0", "-test.count=1",
		"-test.timeout=" + limit.String()}
	if p.short {
		args = append(args, "-test.short")
	}
	if run != "" {
		args = append(args, "-test.run="+run)
	}
	args = append(args, p.args...)
	cmd := exec.Command(b.bin, args...)
	cmd.Dir, cmd.Env = b.cwd, goEnv()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 5 * time.Second
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
	lastEvent := time.Now()
	stall := time.AfterFunc(stallTime, func() { cmd.Process.Signal(syscall.SIGQUIT) })
	r = results{Status: map[string]string{}, Output: map[string]string{}}
	begun := map[string]bool{}
	outs := map[string]*strings.Builder{}
	waited := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		// Children that kept the pipe open.
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		waited <- err
	}()
	sc := bufio.NewScanner(out)
	sc.Buffer(nil, 1<<24)
	for sc.Scan() {
		var e event
		if json.Unmarshal(sc.Bytes(), &e) != nil {
			continue
		}
		stall.Reset(stallTime)
		r.MaxGap = max(r.MaxGap, time.Since(lastEvent).Seconds())
		lastEvent = time.Now()
		switch e.Action {
		case "run", "cont":
			begun[e.Test] = true
		case "pause":
			delete(begun, e.Test)
		case "output":
			if outs[e.Test] == nil {
				outs[e.Test] = new(strings.Builder)
			}
			if outs[e.Test].Len() < 1<<17 {
				outs[e.Test].WriteString(e.Output)
			}
		case "pass", "fail", "skip":
			if e.Test != "" {
				r.Status[e.Test] = e.Action
				delete(begun, e.Test)
			}
		}
	}
	exitErr = <-waited
	kill.Stop()
	stall.Stop()
	conv.Wait()
	r.Elapsed = time.Since(start).Seconds()
	for t, o := range outs {
		if t == "" || r.Status[t] == "fail" || begun[t] {
			r.Output[t] = o.String()
		}
	}
	// After a crash, test2json reports "fail" for tests that were running; the
	// crash itself is told by the output.
	crashed := exitErr != nil && crashRe.MatchString(strings.Join(slices.Collect(maps.Values(r.Output)), "\n"))
	for t := range begun {
		open = append(open, t)
	}
	if crashed {
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
	return r, open, exitErr
}

var crashRe = regexp.MustCompile(`(?m)^(panic: |fatal error: |SIG[A-Z]+: |signal: )`)
