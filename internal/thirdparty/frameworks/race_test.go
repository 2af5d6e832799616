//go:build race

package thirdparty_test

const raceEnabled = true
