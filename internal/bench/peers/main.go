// The program peers measures lastbyte beside the middlewares of others, over real
// connections and beside ngx_lua, and writes docs/performance.md's tables and plots.
// `go run .` says how to call it; the Makefile of the repository has a target for each.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
)

// A command measures, and gives what it has measured.
type command struct {
	name, what string
	run        func(o options) ([]Table, error)
}

var commands = []command{
	{"handlers", "each row without a server, in rounds that take turns", measureHandlers},
	{"wire", "rows as servers of their own, under wrk and h2load", measureWire},
	{"ngx", "nginx with ngx_lua beside rows of lastbyte", measureNginx},
	{"scale", "cost by the number of connections, tasks and threads", measureScale},
}

// options are what the commands take.
type options struct {
	rounds int      // 0: as many as the command finds fit
	only   []string // rows; none: all
}

func (o options) roundsOr(n int) int {
	if o.rounds > 0 {
		return o.rounds
	}
	return n
}

// wants tells whether a row is to be measured.
func (o options) wants(name string) bool {
	return len(o.only) == 0 || slices.Contains(o.only, name)
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return usage()
	}
	switch name, args := args[0], args[1:]; name {
	case "serve": // a process of wire and ngx
		return serve(args)
	case "leave": // the clients of a storm
		return leave(args)
	case "document":
		return document("../../..")
	default:
		i := slices.IndexFunc(commands, func(c command) bool { return c.name == name })
		if i < 0 {
			return usage()
		}
		return measure(commands[i], args)
	}
}

func usage() error {
	fmt.Fprintln(os.Stderr, "usage: go run . COMMAND [-rounds N] [-keep] [ROW...]")
	for _, c := range commands {
		fmt.Fprintf(os.Stderr, "  %-9s %s\n", c.name, c.what)
	}
	fmt.Fprintf(os.Stderr, "  %-9s %s\n", "document", "docs/performance.md's tables and plots from what -keep has kept")
	return fmt.Errorf("no such command")
}

func measure(c command, args []string) error {
	var o options
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 0, "how many `rounds`; 0: as many as fit the command")
	keep := flags.Bool("keep", false, "keep the numbers in measured/, for docs/performance.md")
	if err := flags.Parse(args); err != nil {
		return err
	}
	o.only = flags.Args()
	tables, err := c.run(o)
	if err != nil {
		return err
	}
	for _, t := range tables {
		fmt.Printf("\n%s\n\n%s", t.Title, t.markdown())
		if *keep {
			if err := t.save(); err != nil {
				return err
			}
		}
	}
	fmt.Printf("\n%s\n", machine())
	return nil
}
