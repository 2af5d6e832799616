package durable

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

const (
	openTime = 30 * time.Second // the longest that Open takes
	txTime   = 10 * time.Second // the longest that a transaction takes
	slack    = time.Minute      // how long after its timeout a job is given to another process
)

// Engine is River's client on a database, which it has to itself or shares with other
// processes. All methods may be called from any goroutine.
type Engine struct {
	*river.Client[*sql.Tx]
	DB *sql.DB // of SQLite it has one connection: do not use DB inside of Tx

	driver riverdriver.Driver[*sql.Tx]
	schema string
	log    *slog.Logger
	close  func() // what Open has opened

	ending  atomic.Bool // Shutdown has begun
	once    sync.Once
	stopped chan struct{}
	err     error // of Shutdown, once stopped is closed
}

// base is an open database.
type base struct {
	driver riverdriver.Driver[*sql.Tx]
	db     *sql.DB
	lock   func(context.Context) (unlock func(), err error) // for the migrations; nil: nobody else is there
	own    bool                                             // no other process can use it
	close  func()
}

// Open opens the engine on the database at url: "file:tasks.db", or "file:///var/lib/tasks.db",
// for SQLite, "postgres://user@host/name" for PostgreSQL. It takes 30 seconds at most, and
// leaves nothing behind when it fails, but for an empty file. Its error is an [*Error], unless
// ctx has ended or River does not accept c.
//
// It brings the tables up to date; those of a newer version are an error. SQLite is set to
// WAL and synchronous=FULL, so that a commit is on the disk when it returns; a file belongs
// to one process, by a lock on the file with ".lock" behind its name that ends with the
// process. What is behind a question mark in url is SQLite's and modernc.org/sqlite's to
// understand. PostgreSQL needs one more connection, to listen, so that work starts at once;
// with PollOnly it does not.
//
// Jobs of a process that has died are given back at once, which is logged: on SQLite all,
// on PostgreSQL those of a process with the same c.ID, if that is set. Other jobs of dead
// processes are given back after c.RescueStuckJobsAfter, which is c.JobTimeout and a minute
// unless it is set, and not River's hour. That is for workers whose Timeout is longer as
// long after it as they have.
//
// The id of the request, its trace context and what middleware.SetAttrs has said travel with
// a job. c.Logger has a line for each run of a job.
func Open(ctx context.Context, url string, c river.Config) (*Engine, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, openTime, errTooLong)
	defer cancel()
	e, err := open(ctx, url, c)
	if err = fault(ctx, "open", err); err != nil && asked(err) && ctx.Err() == nil {
		return nil, &Error{"open", Unavailable, err} // no statement of the user's: it may not make tables, for one
	}
	return e, err
}

func open(ctx context.Context, rawURL string, c river.Config) (*Engine, error) {
	b, err := connect(ctx, rawURL)
	if err != nil {
		return nil, err
	}
	e := &Engine{DB: b.db, driver: b.driver, schema: c.Schema, close: b.close, stopped: make(chan struct{})}
	if err := e.prepare(ctx, b, c); err != nil {
		b.close()
		return nil, err
	}
	return e, nil
}

func connect(ctx context.Context, rawURL string) (*base, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		// An url.Error shows the URL, which may have a password.
		return nil, &Error{"open", BadURL, errors.New("it cannot be parsed")}
	}
	switch u.Scheme {
	case "file":
		return openSQLite(ctx, u)
	case "postgres", "postgresql":
		return openPostgres(ctx, rawURL)
	}
	return nil, &Error{"open", BadURL, fmt.Errorf("want file: or postgres:, got scheme %q", u.Scheme)}
}

func (e *Engine) prepare(ctx context.Context, b *base, c river.Config) error {
	e.log = c.WithDefaults().Logger
	if c.RescueStuckJobsAfter == 0 && c.JobTimeout >= 0 {
		c.RescueStuckJobsAfter = cmp.Or(c.JobTimeout, river.JobTimeoutDefault) + slack
	}
	named := c.ID
	c.Plugins = slices.Concat([]rivertype.Plugin{&plugin{log: e.log}}, c.Plugins)
	if err := migrate(ctx, b, e.log, c.Schema); err != nil {
		return err
	}
	var err error
	if e.Client, err = river.NewClient(b.driver, &c); err != nil {
		return err
	}
	if b.own { // whoever leads has died, and would do so for some seconds more
		p := &riverdriver.LeaderDeleteExpiredParams{Now: new(time.Now().Add(24 * time.Hour)), Schema: c.Schema}
		if _, err := b.driver.GetExecutor().LeaderDeleteExpired(ctx, p); err != nil {
			return err
		}
	} else if named == "" {
		return nil
	}
	n, err := e.giveBack(ctx, func(job *rivertype.JobRow) bool { return b.own || workedBy(job, named) })
	if n > 0 {
		e.log.WarnContext(ctx, "durable: gave back jobs of a process that has died", slog.Int("jobs", n))
	}
	return err
}

// migrate brings the tables up to date, one process at a time.
func migrate(ctx context.Context, b *base, log *slog.Logger, schema string) error {
	m, err := rivermigrate.New(b.driver, &rivermigrate.Config{Logger: log, Schema: schema})
	if err != nil {
		return err
	}
	unlock, err := b.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := m.ExistingVersions(ctx); err != nil { // a version that it does not know, for one
		return newer(ctx, b, m, schema, err)
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

// newer is an Error if the tables are those of a newer version, else err.
func newer(ctx context.Context, b *base, m *rivermigrate.Migrator[*sql.Tx], schema string, err error) error {
	there, lineErr := b.driver.GetExecutor().MigrationGetByLine(ctx, &riverdriver.MigrationGetByLineParams{
		Line: riverdriver.MigrationLineMain, Schema: schema,
	})
	if lineErr != nil {
		return err
	}
	known := m.AllVersions()
	newest := known[len(known)-1].Version
	for _, v := range there {
		if v.Version > newest {
			return &Error{"open", Newer, fmt.Errorf("the tables have version %d, want %d at most", v.Version, newest)}
		}
	}
	return err
}

// Start begins to work on jobs, as river.Client.Start does, but the end of ctx ends no job:
// [Engine.Shutdown] does, once the requests have ended that make jobs. Without Queues in the
// Config it returns an error: a process that only stores jobs needs no Start. After
// Shutdown it returns an error, too.
func (e *Engine) Start(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !e.ending.Load() {
		if err := e.Client.Start(context.WithoutCancel(ctx)); err != nil || !e.ending.Load() {
			return err
		}
		_ = e.StopAndCancel(ctx) // Shutdown may have found nothing to stop
	}
	return errors.New("durable: Start: the engine is shut down")
}
