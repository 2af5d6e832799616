package exitcode_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

func TestExit_AfterTheEnd(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		ctxs := make(chan context.Context, 1)
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			ctxs <- r.Context()
			io.WriteString(w, "whole")
		})
		s.get("/").is(t, "GET", 200, "whole")
		s.recorded(200)
		time.Sleep(time.Second)
		ctx := <-ctxs
		for _, code := range []exitcode.Code{404, exitcode.Close, 200} {
			isErr(t, fmt.Sprintf("Exit(%d) after the end", int(code)), exitcode.Exit(ctx, code), exitcode.ErrEnded)
		}
		if code, ok := exitcode.From(ctx); ok {
			t.Errorf("From = %v, true, want no exit", code)
		}
		s.get("/").is(t, "next GET", 200, "whole")
		s.same()
	})
}

// After Send the response is the client's: an exit cancels what is left.
func TestExit_AfterSend(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		for _, code := range []exitcode.Code{404, 200, exitcode.Close, exitcode.Error} {
			over := make(chan exitcode.Code, 1)
			s := start(t, p, background(t).Detach, func(w http.ResponseWriter, r *http.Request) {
				ctx := r.Context()
				io.WriteString(w, "whole")
				isErr(t, "Send", eof.Send(ctx), nil)
				time.Sleep(time.Minute)
				isErr(t, fmt.Sprintf("Exit(%d)", int(code)), exitcode.Exit(ctx, code), exitcode.ErrEnded)
				<-ctx.Done()
				over <- causeCode(ctx)
			})
			s.get("/").is(t, "GET", 200, "whole")
			check(t, "cause of the work's end", <-over, code)
			s.get("/").is(t, "next GET", 200, "whole")
			s.same()
			<-over
		}
	})
}

// In a task there is no response left to end, and nothing happens.
func TestExit_InTask(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		errs := make(chan error, 2)
		s := start(t, p, background(t).Handler, func(w http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), func(ctx context.Context) {
				errs <- exitcode.Exit(ctx, 404)
				errs <- ctx.Err()
			})
			io.WriteString(w, "whole")
		})
		s.get("/").is(t, "GET", 200, "whole")
		isErr(t, "Exit in a task", <-errs, exitcode.ErrEnded)
		isErr(t, "ctx.Err() in the task", <-errs, nil)
	})
}
