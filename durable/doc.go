// Package durable is for work that must survive the process: a task is stored in a
// database before the client is told of it, and is worked on until it is done, by this
// process, by the next one or on another machine.
//
// The engine is River, github.com/riverqueue/river, on SQLite in a file or on PostgreSQL.
// Task types, retries, queues and schedules are River's; this package adds the join between
// the end of a request and the engine, and settings that are easily forgotten.
//
//	engine, err := durable.Open(ctx, "file:tasks.db", river.Config{
//		Workers: workers,
//		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 10}},
//	})
//	...
//	err = engine.Start(ctx)
//	life := middleware.New(middleware.Options{Last: engine.Shutdown})
//
// and in a handler:
//
//	err := engine.Tx(r.Context(), func(ctx context.Context, tx *sql.Tx) error {
//		_, err := engine.InsertTx(ctx, tx, Thumbnail{Upload: id}, nil)
//		return err
//	})
//	if err != nil {
//		return err // of a handler for exitcode.Handler: 503 if the database is the reason
//	}
//	fmt.Fprintln(w, "got the task!") // true: it is on the disk
//
// # Limits
//
// A task runs at least once, and twice if the process dies between its work and the note
// that it is done; see river.JobCompleteTx for work in the same database. A task whose
// attempts are used up is not tried again: river.Config.MaxAttempts, 25 unless set.
//
// A file of SQLite belongs to one process at a time, and has one connection: a transaction
// makes all others wait. PostgreSQL is for several processes.
package durable
