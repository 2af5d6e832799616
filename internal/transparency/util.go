package main

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

func lock(f string) func() {
	h := must1(os.OpenFile(f, os.O_CREATE|os.O_RDWR, 0o666))
	must(syscall.Flock(int(h.Fd()), syscall.LOCK_EX))
	return func() { h.Close() }
}

func logf(f string, a ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+f+"\n", a...)
}
func fatalf(f string, a ...any) { logf(f, a...); os.Exit(2) }
func must(err error) {
	if err != nil {
		fatalf("%v", err)
	}
}
func must1[T any](v T, err error) T { must(err); return v }
func must2[A, B any](a A, b B, err error) (A, B) {
	must(err)
	return a, b
}
