package houserules_test

import (
	"go/ast"
	"testing"
)

const (
	maxFile     = 300 // lines
	maxFunction = 60  // lines, tests left aside
)

// tooLong are the files and functions that may be longer than the rule says, and
// how long. Rows only go.
var tooLong = map[string]int{
	"abort/peer_deadline_test.go": 315,
	"abort/peer_helper_test.go":   369,

	"internal/request/compose.go compose": 77, // a table: a row for each set of optional methods
}

// A file has at most 300 lines, and a function that is not in a test at most 60.
func TestSize(t *testing.T) {
	t.Parallel()
	within := func(what string, got, limit int) {
		if got > max(limit, tooLong[what]) {
			t.Errorf("%s has %d lines, want at most %d", what, got, max(limit, tooLong[what]))
		}
	}
	for _, s := range sources(t) {
		within(s.path, s.lines, maxFile)
		if s.test() {
			continue
		}
		s.functions(func(f *ast.FuncDecl) {
			within(s.path+" "+declared(f), positions.Position(f.End()).Line-positions.Position(f.Pos()).Line+1, maxFunction)
		})
	}
}
