package exitcode_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

// What Exit says where the code is not the ending.
func ExampleExit_errors() {
	fmt.Println(errors.Is(exitcode.Exit(context.Background(), 404), exitcode.ErrNoRequest))
	serve := func(h http.HandlerFunc) {
		exitcode.New(exitcode.Options{})(h).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://example.com/", nil))
	}
	serve(func(_ http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		fmt.Println(errors.Is(exitcode.Exit(ctx, 7), exitcode.ErrInvalidCode)) // nothing has changed
		fmt.Println(exitcode.Exit(ctx, 403))
		fmt.Println(errors.Is(exitcode.Exit(ctx, 404), exitcode.ErrExited)) // the first one stands
	})
	serve(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		fmt.Println(errors.Is(exitcode.Exit(r.Context(), 404), exitcode.ErrHeaderSent)) // the client gets 202
	})
	background := eof.New(eof.Options{})
	h := background.Detach(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = eof.Send(r.Context())
		fmt.Println(errors.Is(exitcode.Exit(r.Context(), 404), exitcode.ErrEnded)) // the client has its response
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://example.com/", nil))
	_ = background.Shutdown(context.Background())
	// Output:
	// true
	// true
	// <nil>
	// true
	// true
	// true
}

// Codes that drop the connection send not one byte.
func ExampleCode() {
	for _, c := range []exitcode.Code{exitcode.OK, exitcode.Error, exitcode.Close, exitcode.ClientClosedRequest, 404} {
		fmt.Println(c)
	}
	// Output:
	// 0 OK
	// -1 Error
	// 444 Close
	// 499 Client Closed Request
	// 404 Not Found
}
