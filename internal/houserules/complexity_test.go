package houserules_test

import (
	"go/ast"
	"go/token"
	"go/types"
	"testing"
)

const maxComplexity = 15

// tooComplex are the functions that may be more complex than the rule says, how
// much, and why. Rows only go, and numbers only get smaller.
var tooComplex = map[string]struct {
	limit int
	why   string
}{}

// The cyclomatic complexity of a function that is not in a test is at most 15.
func TestComplexity(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		s.functions(func(f *ast.FuncDecl) {
			name := s.path + " " + declared(f)
			if got, limit := complexity(f), max(maxComplexity, tooComplex[name].limit); got > limit {
				t.Errorf("%s has the complexity %d, want at most %d", name, got, limit)
			}
		})
	}
}

// declared gives the name of f with its receiver, as in "(*Request).commit".
func declared(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	recv := types.ExprString(f.Recv.List[0].Type)
	if recv[0] == '*' {
		recv = "(" + recv + ")"
	}
	return recv + "." + f.Name.Name
}

// complexity counts the ways through f as McCabe does: one, and one more for each
// condition, loop, case and operator that may skip its right side. Function
// literals count as a part of f.
func complexity(f *ast.FuncDecl) int {
	n := 1
	ast.Inspect(f, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.IfStmt, *ast.ForStmt, *ast.RangeStmt:
			n++
		case *ast.CaseClause:
			if node.List != nil { // not default
				n++
			}
		case *ast.CommClause:
			if node.Comm != nil { // not default
				n++
			}
		case *ast.BinaryExpr:
			if node.Op == token.LAND || node.Op == token.LOR {
				n++
			}
		}
		return true
	})
	return n
}
