package durable

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
)

const (
	connections  = 20                 // of the pool; the server has a hundred unless told otherwise
	connectTime  = 5 * time.Second    // to reach the server, unless url says otherwise
	idleTime     = 5 * time.Minute    // after which a connection is closed that nobody uses
	migrationKey = 0x6c61737462797465 // of the advisory lock that is held for the migrations: "lastbyte"
)

func openPostgres(ctx context.Context, url string) (*base, error) {
	listen, err := pgxpool.ParseConfig(url)
	if err != nil {
		// The error of pgx shows the URL, with the password left out.
		return nil, &Error{"open", BadURL, err}
	}
	conf := listen.ConnConfig
	if conf.ConnectTimeout == 0 {
		conf.ConnectTimeout = connectTime
	}
	listen.MaxConns, listen.MinConns = 1, 0 // River takes it out of the pool
	listener, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), listen)
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDB(*conf.Copy())
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(idleTime)
	shut := func() {
		listener.Close()
		_ = db.Close() // whatever it says, commits are the server's
	}
	if err := db.PingContext(ctx); err != nil {
		shut()
		return nil, err
	}
	return &base{
		driver: riverdatabasesql.NewWithPgxListener(db, listener),
		db:     db,
		lock:   func(ctx context.Context) (func(), error) { return advisory(ctx, db) },
		close:  shut,
	}, nil
}

// advisory waits until no other process migrates.
func advisory(ctx context.Context, db *sql.DB) (unlock func(), err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(migrationKey)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return func() {
		// The end of the session is the end of the lock.
		_ = conn.Raw(func(c any) error { return c.(*stdlib.Conn).Conn().Close(context.WithoutCancel(ctx)) })
		_ = conn.Close()
	}, nil
}
