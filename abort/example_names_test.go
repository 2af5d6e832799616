package abort_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

// What On says where it registers nothing.
func ExampleOn_errors() {
	callback := func(context.Context) {}
	fmt.Println(errors.Is(abort.On(context.Background(), callback), abort.ErrNoRequest))
	h := abort.Check(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		fmt.Println(errors.Is(abort.On(ctx, nil), abort.ErrNilFunc))
		fmt.Println(abort.On(ctx, callback))
		fmt.Println(errors.Is(abort.On(ctx, callback), abort.ErrDuplicate))
		_ = exitcode.Exit(ctx, http.StatusForbidden)
		fmt.Println(errors.Is(abort.On(ctx, callback), abort.ErrEnded))
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://example.com/", nil))
	// Output:
	// true
	// true
	// <nil>
	// true
	// true
}

// A meter with few labels.
func ExampleReason() {
	label := func(r abort.Reason) string {
		switch r {
		case abort.Reset, abort.Closed, abort.StreamReset:
			return "left" // the socket or the stream says so
		case abort.WriteFailed, abort.BodyTruncated:
			return "lost" // a call failed, and there is no better evidence
		case abort.Unverified:
			return "unknown" // without ConnContext
		}
		return "other"
	}
	fmt.Println(label(abort.Reset), label(abort.BodyTruncated), label(abort.Unverified))
	// Output: left lost unknown
}

// Who leaves while an upload is under way may have had enough of waiting for its end; who
// leaves the response has seen a part of it.
func ExampleStage() {
	label := map[abort.Stage]string{
		abort.StageRequest:  "during the upload",
		abort.StageHandler:  "before the response",
		abort.StageResponse: "during the response",
	}
	leave(abort.Check(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		if e, ok := abort.Cause(r.Context()); ok {
			fmt.Println(label[e.Stage])
		}
	})))
	// Output: before the response
}
