//go:build !race

package lastbyte_test

const raceDetector = false
