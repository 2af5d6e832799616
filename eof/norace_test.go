//go:build !race

package eof_test

const raceDetector = false
