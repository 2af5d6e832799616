package durable

import (
	"context"
	"strings"

	"github.com/lastbyte-go/lastbyte/board"
)

// Depths gives the queues that have jobs to do, by name: what waits, runs and is for later.
// It is for board.Options.Queues.
func (e *Engine) Depths(ctx context.Context) ([]board.Queue, error) {
	table := "river_job"
	if e.schema != "" {
		table = `"` + strings.ReplaceAll(e.schema, `"`, `""`) + `".river_job`
	}
	rows, err := e.DB.QueryContext(ctx, `SELECT queue,
		sum(CASE WHEN state = 'available' THEN 1 ELSE 0 END),
		sum(CASE WHEN state = 'running' THEN 1 ELSE 0 END),
		sum(CASE WHEN state IN ('pending', 'retryable', 'scheduled') THEN 1 ELSE 0 END)
		FROM `+table+` WHERE state IN ('available', 'pending', 'retryable', 'running', 'scheduled')
		GROUP BY queue ORDER BY queue`)
	if err != nil {
		return nil, fault(ctx, "depths", err)
	}
	defer rows.Close()
	var all []board.Queue
	for rows.Next() {
		var q board.Queue
		if err := rows.Scan(&q.Name, &q.Waiting, &q.Running, &q.Later); err != nil {
			return nil, fault(ctx, "depths", err)
		}
		all = append(all, q)
	}
	return all, fault(ctx, "depths", rows.Err())
}
