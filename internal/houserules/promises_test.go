package houserules_test

import (
	"cmp"
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// repository is its top directory, seen from this package.
const repository = "../.."

var (
	// promiseRow is a line of docs/promises.md that states a promise: the id comes first.
	promiseRow = regexp.MustCompile(`(?m)^\| ([A-Z][0-9]+[a-z]?) \|`)

	// promiseID is a part of a test's name that has the form of an id.
	promiseID = regexp.MustCompile(`^[A-Z][0-9]+[a-z]?$`)
)

// Every promise has a test that is named after it, and every test that is named
// after a promise finds it in docs/promises.md. A name may begin with several
// ids, as TestX5_X6_X7_UnreadBody does.
func TestPromises_IDsMatchTests(t *testing.T) {
	stated := promiseIDs(t)
	tested := testedPromises(t)
	for _, id := range stated {
		if tested[id] == "" {
			t.Errorf("docs/promises.md states %s, and no test is named Test%s_...", id, id)
		}
	}
	for id, name := range tested {
		if !slices.Contains(stated, id) {
			t.Errorf("%s is named after %s, which docs/promises.md does not state", name, id)
		}
	}
}

// The rows of a group are in the order of their numbers, and none is there twice.
func TestPromises_InOrder(t *testing.T) {
	seen := make(map[byte]string) // the last id of each group
	for _, id := range promiseIDs(t) {
		if last, ok := seen[id[0]]; ok && !before(last, id) {
			t.Errorf("docs/promises.md states %s after %s, want the order of their numbers", id, last)
		}
		seen[id[0]] = id
	}
}

// before reports whether a comes before b in their group: X3, X3a, X11.
func before(a, b string) bool {
	split := func(id string) (digits, letter string) {
		digits = strings.TrimRight(id[1:], "abcdefghijklmnopqrstuvwxyz")
		return digits, id[1+len(digits):]
	}
	aDigits, aLetter := split(a)
	bDigits, bLetter := split(b)
	return cmp.Or(cmp.Compare(len(aDigits), len(bDigits)), cmp.Compare(aDigits, bDigits), cmp.Compare(aLetter, bLetter)) < 0
}

// promiseIDs gives the ids of docs/promises.md from top to bottom.
func promiseIDs(t *testing.T) (ids []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "docs", "promises.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range promiseRow.FindAllStringSubmatch(string(text), -1) {
		ids = append(ids, m[1])
	}
	if len(ids) == 0 {
		t.Fatal("docs/promises.md states no promise")
	}
	return ids
}

// testedPromises gives the ids that tests are named after, each with one of them.
// The nested modules count as well.
func testedPromises(t *testing.T) map[string]string {
	t.Helper()
	tested := make(map[string]string)
	for _, s := range sources(t) {
		if !s.test() {
			continue
		}
		s.functions(func(f *ast.FuncDecl) {
			name, isTest := strings.CutPrefix(f.Name.Name, "Test")
			if !isTest || f.Recv != nil {
				return
			}
			for part := range strings.SplitSeq(name, "_") {
				if !promiseID.MatchString(part) {
					break
				}
				tested[part] = f.Name.Name
			}
		})
	}
	return tested
}
