package testkit

import (
	"flag"
	"os"
	"strconv"
	"testing"
)

// Rounds is how often a test repeats a race that may go either way: few times, or
// many if LASTBYTE_LONG is set, as .ci/run does.
func Rounds(few, many int) int {
	if os.Getenv("LASTBYTE_LONG") != "" {
		return many
	}
	return few
}

// Waiting is the body of a TestMain, for a package whose parallel tests wait for a
// clock far longer than they compute: so many run at a time, however few processors
// there are, unless the command line says how many.
func Waiting(m *testing.M, tests int) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" || f.Name == "test.fuzz" })
	if parallel := flag.Lookup("test.parallel"); !chosen {
		if n, err := strconv.Atoi(parallel.Value.String()); err == nil && n < tests {
			parallel.Value.Set(strconv.Itoa(tests))
		}
	}
	os.Exit(m.Run())
}
