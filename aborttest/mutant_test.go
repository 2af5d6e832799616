package aborttest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// withoutKey is the environment variable that says what report leaves out.
const withoutKey = "LASTBYTE_REPORT_WITHOUT"

// rollsBack runs TestRun_RollsBack in a process of its own, without what is named.
func rollsBack(t *testing.T, without, count string) (output string, cpu time.Duration, err error) {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	test := exec.CommandContext(t.Context(), name, "-test.run=^TestRun_RollsBack$", "-test.count="+count)
	test.Env = append(os.Environ(), withoutKey+"="+without)
	b, err := test.CombinedOutput()
	return string(b), test.ProcessState.UserTime() + test.ProcessState.SystemTime(), err
}

// The test of a rollback fails, on either protocol, if the rollback is taken out, and if
// the query is not ended.
func TestRun_RollsBackOrFails(t *testing.T) {
	t.Parallel()
	for without, want := range map[string]string{
		"the rollback": `done to the database: ["begin"], want`,
		"the exit":     `done to the database: ["begin" "rollback" "commit"], want`,
	} {
		output, _, err := rollsBack(t, without, "1")
		if err == nil || strings.Count(output, want) != 2 || strings.Count(output, "--- FAIL: TestRun_RollsBack/http") != 2 {
			t.Errorf("without %s: %v, want two failures with %q:\n%s", without, err, want, output)
		}
	}
}

// A run of it, on both protocols, costs less than 10 ms of a processor.
func TestRun_RollsBackInMilliseconds(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector takes its time")
	}
	t.Parallel()
	if output, cpu, err := rollsBack(t, "", "50"); err != nil || cpu > 50*10*time.Millisecond {
		t.Errorf("50 runs took %v, %v, want less than 10ms each:\n%s", cpu, err, output)
	}
}
