package exitcode_test

import (
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// A recover that swallows a Throw, and answers 500, changes nothing, also inside a
// compressor, whose held response would stand after Throw(200).
func TestX12_RecovererInsideCompressor(t *testing.T) {
	recovers := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				if recover() != nil {
					http.Error(w, "recovered", http.StatusInternalServerError)
				}
			}()
			next.ServeHTTP(w, r)
		})
	}
	compresses := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Vary", "Accept-Encoding") // too little to compress
			next.ServeHTTP(w, r)
		})
	}
	for _, code := range []exitcode.Code{200, 403} {
		run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
			phase := exitcode.Phase(func(http.ResponseWriter, *http.Request) exitcode.Code { return exitcode.OK })
			for place, chain := range map[string]wrap{
				"inside":  func(h http.Handler) http.Handler { return in(compresses(recovers(h))) },
				"a layer": func(h http.Handler) http.Handler { return in(cookies(phase(compresses(recovers(h))))) },
			} {
				s := start(t, p, chain, func(w http.ResponseWriter, r *http.Request) { exitcode.Throw(r.Context(), code) })
				body := map[exitcode.Code]string{200: "", 403: "403 Forbidden\n"}[code]
				s.get("/").is(t, place, int(code), body)
				s.recorded(int(code))
			}
		})
	}
}
