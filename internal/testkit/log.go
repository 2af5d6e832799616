package testkit

import "regexp"

var unattached = regexp.MustCompile("(?m)^.*lastbyte: the http.Server on .* was never attached.*\n")

// LogBut is a log, of a server or a Lifecycle, without the line that a Lifecycle writes
// if the server was never attached: for tests whose servers are not, on purpose.
func LogBut(log string) string { return unattached.ReplaceAllString(log, "") }
