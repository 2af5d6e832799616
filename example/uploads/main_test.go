package main

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// eachUpload runs body inside of Handler and of Detach. files lists the directory.
func eachUpload(t *testing.T, body func(t *testing.T, c *aborttest.Client, files func() []string)) {
	life := middleware.New(middleware.Options{})
	for name, wrap := range map[string]func(http.Handler) http.Handler{"Handler": life.Handler, "Detach": life.Detach} {
		t.Run(name, func(t *testing.T) {
			u := &uploads{life: life}
			aborttest.RunWith(t, aborttest.Options{Lifecycle: life}, wrap(u.handler()), func(t *testing.T, c *aborttest.Client) {
				u.dir = t.TempDir()
				body(t, c, func() (names []string) {
					entries, err := os.ReadDir(u.dir)
					if err != nil {
						t.Error(err)
					}
					for _, e := range entries {
						names = append(names, e.Name())
					}
					return names
				})
			})
		})
	}
}

// While it arrives, others see how far an upload is. Its client leaves, and nothing is left.
func TestUpload_ProgressAndAbort(t *testing.T) {
	eachUpload(t, func(t *testing.T, c *aborttest.Client, files func() []string) {
		call := c.Do(c.NewRequest("PUT", "/files/film", aborttest.Stall(1<<20)))
		synctest.Wait()
		if res := c.Get("/progress").Response(); res.Body != `{"film":1048576}`+"\n" {
			t.Errorf("the progress is %+v, want 1 MB of film", res)
		}
		call.Leave(aborttest.Timeout)
		if o := call.Outcome(); o.Abort == nil || o.Abort.Stage != "request" || o.Status != 499 {
			t.Errorf("Outcome = %+v, want 499 in the middle of the request", o)
		}
		if names := files(); len(names) != 0 {
			t.Errorf("the directory has %q, want nothing", names)
		}
		if res := c.Get("/progress").Response(); res.Body != "{}\n" {
			t.Errorf("the progress is %+v, want none", res)
		}
	})
}

func TestUpload_Whole(t *testing.T) {
	eachUpload(t, func(t *testing.T, c *aborttest.Client, files func() []string) {
		res := c.Do(c.NewRequest("PUT", "/files/film", strings.NewReader(strings.Repeat("x", largest)))).Response()
		if res.Status != http.StatusCreated || res.Err != nil {
			t.Errorf("Response = %+v, want 201", res)
		}
		if names := files(); len(names) != 1 || names[0] != "film" {
			t.Errorf("the directory has %q, want the film", names)
		}
	})
}

// A client that sends too much is told so while it still sends.
func TestUpload_TooLarge(t *testing.T) {
	eachUpload(t, func(t *testing.T, c *aborttest.Client, files func() []string) {
		res := c.Do(c.NewRequest("PUT", "/files/film", aborttest.Stall(largest+1))).Response()
		if res.Status != http.StatusRequestEntityTooLarge || !strings.Contains(res.Body, "At most 4194304 bytes.") {
			t.Errorf("Response = %+v, want 413 with the limit", res)
		}
		if names := files(); len(names) != 0 {
			t.Errorf("the directory has %q, want nothing", names)
		}
	})
}
