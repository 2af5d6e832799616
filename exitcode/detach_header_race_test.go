package exitcode_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// For the race detector: an outer handler that goes on to use its header map
// shares no value with the detached handler's.
func TestX11_HeaderValuesAreTheHandlersOwn(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		detach := background(t).Detach
		inside := make(chan bool)
		var both sync.WaitGroup
		s := start(t, p, func(next http.Handler) http.Handler {
			next = detach(next)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				values := make([]string, 1, 8) // with room for another, as Add leaves it
				values[0] = "outside"
				w.Header()["Key"] = values
				both.Go(func() {
					<-inside
					_ = append(values, "more")
					values[0] = "changed"
				})
				next.ServeHTTP(w, r)
				both.Wait()
			})
		}, func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			inside <- true
			h.Add("Key", "inside")
			h["Key"][0] = "inside"
		})
		a := s.get("/")
		check(t, "values", len(a.header["Key"]), 2)
	})
}
