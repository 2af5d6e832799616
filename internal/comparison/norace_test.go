//go:build !race

package comparison

const raceEnabled = false
