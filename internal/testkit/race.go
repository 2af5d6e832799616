//go:build race

package testkit

// Race tells whether the test binary has the race detector.
const Race = true
