// Package main is a server with one route per feature of lastbyte. The page at its address
// is the board of package board, with a button for each. It prints curl commands to try as
// well, and its log on stderr shows what happens in the server.
//
//	go run ./example
//
// It serves HTTP/1.1 and unencrypted HTTP/2. Ctrl-C shuts it down in the order of
// docs/shutdown.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

func main() {
	zerolog.TimeFieldFormat = "2006-01-02T15:04:05.000Z07:00" // the log needs milliseconds
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// settings are the flags.
type settings struct {
	addr                                string
	json                                bool
	long, work, step, limit, lag, grace time.Duration
}

// run is main with its environment as parameters. The server stops when ctx
// ends. The result is the exit status of the process.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil {
		err = serve(ctx, s, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintf(stderr, "example: %v\n", err)
		return 1
	}
	return 0
}

func parse(args []string, stdout io.Writer) (s settings, err error) {
	f := flag.NewFlagSet("example", flag.ContinueOnError)
	f.SetOutput(io.Discard) // an error prints one message, without the usage
	f.StringVar(&s.addr, "addr", ":8080", "`address` to listen on")
	f.BoolVar(&s.json, "json", false, "log JSON instead of text")
	f.DurationVar(&s.long, "long", 30*time.Second, "how long /long works")
	f.DurationVar(&s.work, "work", 5*time.Second, "how long /async works after its answer, and /deferred waits")
	f.DurationVar(&s.step, "step", 100*time.Millisecond, "how long the quick thread of /fanout takes")
	f.DurationVar(&s.limit, "limit", 2*time.Second, "the Timeout of /slow, which takes as long as /long")
	f.DurationVar(&s.lag, "lag", 0, "time for load balancers to notice that /ready fails")
	f.DurationVar(&s.grace, "grace", 10*time.Second, "time to drain, the lag included")
	err = f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(stdout, "usage: example [flags]")
		f.SetOutput(stdout)
		f.PrintDefaults()
	case err != nil:
		err = fmt.Errorf("%w (-h lists the flags)", err)
	case f.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q (-h lists the flags)", f.Arg(0))
	case s.limit < 0:
		err = fmt.Errorf("limit %v, want no negative one (-h lists the flags)", s.limit)
	case s.lag < 0, s.grace <= s.lag:
		err = fmt.Errorf("lag %v and grace %v, want a lag that ends before the grace (-h lists the flags)", s.lag, s.grace)
	}
	return s, err
}

func serve(ctx context.Context, s settings, stdout, stderr io.Writer) error {
	ln, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("%w (-addr takes another address)", err)
	}
	a := newApp(s, logger(stderr, s.json))
	srv := &http.Server{Handler: a.routes(), ReadHeaderTimeout: 10 * time.Second, Protocols: new(http.Protocols)}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	usage(stdout, baseURL(ln.Addr()), s)
	return a.serve(ctx, srv, ln)
}

// serve serves on ln until ctx ends, and then drains. The log says what that waits for.
func (a *app) serve(ctx context.Context, srv *http.Server, ln net.Listener) error {
	stop := context.AfterFunc(ctx, func() { a.tell("not ready any more") })
	defer stop()
	srv.RegisterOnShutdown(func() { a.tell("waiting for requests and background work") })
	return a.life.Serve(ctx, srv, ln)
}

func logger(w io.Writer, json bool) zerolog.Logger {
	if !json {
		w = zerolog.ConsoleWriter{Out: w, NoColor: true, TimeFormat: "15:04:05.000"}
	}
	return zerolog.New(w).With().Timestamp().Logger()
}
