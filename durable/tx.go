package durable

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// Tx runs fn in a transaction of DB, and commits. If it returns nil, what fn has stored is
// on the disk, the jobs of InsertTx included, so that a client may be told. In every other
// case nothing is stored: an error or a panic of fn, a client that leaves or an exit before
// the commit, which end ctx. Only if the connection is lost during the commit is it not
// known; that is an error.
//
// It takes 10 seconds at most, waiting for a connection included, so that a database that
// does not answer ends no server: fn's ctx ends then. A transaction that needs longer is for
// DB.BeginTx. On SQLite one runs at a time; do not call Tx, DB or Insert inside of fn, but tx
// and InsertTx.
//
// Its error is an [*Error] where the database is to blame, whatever fn has made of it, unless
// it has a code of its own (exitcode.Of). If ctx has ended, it is the cause of that.
func (e *Engine) Tx(ctx context.Context, fn func(ctx context.Context, tx *sql.Tx) error) error {
	ctx, cancel := limited(ctx)
	defer cancel()
	tx, err := e.DB.BeginTx(ctx, nil)
	if err != nil {
		return fault(ctx, "begin", err)
	}
	defer tx.Rollback() // does nothing after Commit; fn may have panicked
	if err := fn(ctx, tx); err != nil {
		switch undone := tx.Rollback(); {
		case undone == nil && ctx.Err() == nil && reasonOf(err) == "":
			return err // the connection is whole: what sounds as if it were lost is of another one of fn's
		case undone != nil && !errors.Is(undone, sql.ErrTxDone):
			err = fmt.Errorf("%w, and %w", err, undone)
		}
		return fault(ctx, "transaction", err)
	}
	return fault(ctx, "commit", tx.Commit())
}

// limited is ctx until txTime at most.
func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, txTime, errTooLong)
}

// Insert is River's Insert, in a transaction of its own. It has the time and the errors of
// [Engine.Tx].
func (e *Engine) Insert(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) (*rivertype.JobInsertResult, error) {
	ctx, cancel := limited(ctx)
	defer cancel()
	result, err := e.Client.Insert(ctx, args, opts)
	return result, fault(ctx, "insert", err)
}

// InsertMany is River's InsertMany, as [Engine.Insert] is Insert.
func (e *Engine) InsertMany(ctx context.Context, params []river.InsertManyParams) ([]*rivertype.JobInsertResult, error) {
	ctx, cancel := limited(ctx)
	defer cancel()
	results, err := e.Client.InsertMany(ctx, params)
	return results, fault(ctx, "insert", err)
}

// InsertManyFast is River's InsertManyFast, as [Engine.Insert] is Insert.
func (e *Engine) InsertManyFast(ctx context.Context, params []river.InsertManyParams) (int, error) {
	ctx, cancel := limited(ctx)
	defer cancel()
	n, err := e.Client.InsertManyFast(ctx, params)
	return n, fault(ctx, "insert", err)
}
