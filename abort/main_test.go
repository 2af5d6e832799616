package abort_test

import (
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Waiting(m, 8) }
