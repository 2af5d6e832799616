package exitcode_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// A context that was not made from the request's: its values count first, and the
// request's own follow; the verbs work, and it ends with either.
func TestRewrite_ForeignContext(t *testing.T) {
	type outerKey struct{}
	outer := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), outerKey{}, "outer")))
		})
	}
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		inPlace := false
		serve := func(foreign context.Context, h handlerFunc) *server {
			rewrite := exitcode.Rewrite(func(_ http.ResponseWriter, r *http.Request) (*http.Request, error) {
				if inPlace {
					*r = *r.WithContext(foreign)
					return nil, nil
				}
				return r.WithContext(foreign), nil
			})
			return start(t, p, func(h http.Handler) http.Handler { return abort.Check(in(outer(rewrite(h)))) }, h)
		}
		for range 2 {
			user := context.WithValue(context.Background(), userKey{}, "bob")
			s := serve(user, func(w http.ResponseWriter, r *http.Request) {
				check(t, "value of the foreign context", userIn(r.Context()), any("bob"))
				check(t, "value of the request's", r.Context().Value(outerKey{}), any("outer"))
				isErr(t, "Exit", exitcode.Exit(r.Context(), 403), nil)
				isErr(t, "ctx.Err()", r.Context().Err(), context.Canceled)
				check(t, "the cause", causeCode(r.Context()), 403)
			})
			s.get("/").is(t, "Exit", 403, "403 Forbidden\n")

			s = serve(user, func(w http.ResponseWriter, r *http.Request) {
				<-r.Context().Done()
				_, gone := abort.Cause(r.Context())
				check(t, "abort.Cause", gone, true)
			})
			s.leaves("/")
			s.recorded(499)

			why := errors.New("why")
			ends, cancel := context.WithCancelCause(user)
			time.AfterFunc(time.Second, func() { cancel(why) })
			s = serve(ends, func(w http.ResponseWriter, r *http.Request) {
				<-r.Context().Done()
				isErr(t, "cancelled: ctx.Err()", r.Context().Err(), context.Canceled)
				isErr(t, "cancelled: the cause", context.Cause(r.Context()), why)
				io.WriteString(w, "fine")
			})
			a := s.get("/")
			a.is(t, "cancelled", 200, "fine")
			check(t, "cancelled after", a.after, time.Second)

			deadline, cancelDeadline := context.WithTimeout(user, time.Second)
			s = serve(deadline, func(w http.ResponseWriter, r *http.Request) {
				if _, ok := r.Context().Deadline(); !ok {
					t.Error("there is no deadline")
				}
				<-r.Context().Done()
				isErr(t, "deadline: ctx.Err()", r.Context().Err(), context.DeadlineExceeded)
				io.WriteString(w, "fine")
			})
			s.get("/").is(t, "deadline", 200, "fine")
			cancelDeadline()
			inPlace = true
		}
	})
}
