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

// A command measures tables, one after the other.
type command struct {
	name, what string
	tables     []measurement
}

// A measurement makes the table of this name.
type measurement struct {
	name string
	run  func(o options) (Table, error)
}

var commands = []command{
	{"peers", "each row without a server, in rounds that take turns", []measurement{
		{"handlers", compareHandlers}, {"jobs", compareJobs},
	}},
	{"profile", "where the time of a row goes", []measurement{{"profile", takeApart}}},
	{"wire", "rows as servers of their own, under h2load", []measurement{
		{"wire-keep-alive", wire(keepAlive, wired)}, {"wire-new", wire(newConnections, wiredNew)}, {"wire-h2c", wire(streams, wired)},
		{"wire-log", wire(keepAlive, logged)},
	}},
	{"ngx", "nginx with ngx_lua beside rows of lastbyte", []measurement{
		{"ngx-keep-alive", ngx(keepAlive)}, {"ngx-new", ngx(newConnections)}, {"ngx-h2c", ngx(streams)}, {"aborts", compareAborts},
	}},
	{"scale", "cost by the number of connections, tasks and threads", []measurement{
		{"scale-connections", byConnections}, {"scale-held", byHeld}, {"scale-threads", byThreads},
		{"scale-tasks", byTasks}, {"scale-pending", byPending},
	}},
}

// options are what the measurements take.
type options struct {
	table  string // its name; empty: all of the command
	rounds int    // 0: as many as the table needs
}

func (o options) roundsOr(n int) int {
	if o.rounds > 0 {
		return o.rounds
	}
	return n
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
	fmt.Fprintln(os.Stderr, "usage: go run . COMMAND [-table NAME] [-rounds N] [-keep]")
	for _, c := range commands {
		fmt.Fprintf(os.Stderr, "  %-9s %s:", c.name, c.what)
		for _, m := range c.tables {
			fmt.Fprintf(os.Stderr, " %s", m.name)
		}
		fmt.Fprintln(os.Stderr)
	}
	fmt.Fprintf(os.Stderr, "  %-9s %s\n", "document", "docs/performance.md's tables and plots from what -keep has kept")
	return fmt.Errorf("no such command")
}

func measure(c command, args []string) error {
	var o options
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.StringVar(&o.table, "table", "", "the `name` of the only table to measure")
	flags.IntVar(&o.rounds, "rounds", 0, "how many `rounds`; 0: as many as the table needs")
	keep := flags.Bool("keep", false, "keep the numbers in measured/, for docs/performance.md")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for _, m := range c.tables {
		if o.table != "" && o.table != m.name {
			continue
		}
		t, err := m.run(o)
		if err != nil {
			return err
		}
		t.Name, t.Machine, t.Command = m.name, machine(), "make bench-"+c.name
		fmt.Printf("\n%s\n%s\n\n%s", t.Title, t.Machine, t.markdown())
		if *keep {
			if err := t.save(); err != nil {
				return err
			}
		}
	}
	return nil
}
