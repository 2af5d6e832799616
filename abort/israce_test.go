//go:build race

package abort_test

const raceDetector = true
