// Package testkit has what the tests of several packages share: the check that
// no goroutine is left behind, the bounded wait for a channel, the end of a
// test's server, and whether the race detector is on. Only tests import it.
package testkit
