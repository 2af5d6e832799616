package aborttest_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
)

func TestRecipe_UploadStoppedHalfway(t *testing.T) {
	name := filepath.Join(t.TempDir(), "upload")
	upload := func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Create(name)
		if err != nil {
			t.Error(err)
			return
		}
		_, err = io.Copy(f, r.Body)
		if err = errors.Join(err, f.Close()); errors.Is(err, abort.ErrClientAborted) {
			_ = os.Remove(name) // half a file is no file
		}
	}
	aborttest.Run(t, http.HandlerFunc(upload), func(t *testing.T, c *aborttest.Client) {
		call := c.Post("/upload", "application/octet-stream", aborttest.Stall(1<<20))
		synctest.Wait() // the handler has the first MB, and waits for more
		if info, err := os.Stat(name); err != nil || info.Size() != 1<<20 {
			t.Errorf("Stat = %v, %v, want 1 MB", info, err)
		}
		call.Leave(aborttest.Reset)
		if o := call.Outcome(); o.Abort == nil || o.Sent != 0 {
			t.Errorf("Outcome = %+v, want an abort, and nothing sent", o)
		}
		if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("Stat = %v, want half a file removed", err)
		}
	})
}
