package durable

import (
	"context"
	"encoding/json"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// batch is how many jobs are given back at once.
const batch = 1000

// giveBack makes jobs that run available again, those that are chosen, and says how many.
// It does what River's rescuer does later, by the same means: the attempt counts, and a
// job that has no other is discarded.
func (e *Engine) giveBack(ctx context.Context, chosen func(*rivertype.JobRow) bool) (n int, err error) {
	exec := e.driver.GetExecutor()
	horizon := time.Now().Add(24 * time.Hour) // a clock may have been set back
	for after := int64(0); ; {
		jobs, err := exec.JobGetStuck(ctx, &riverdriver.JobGetStuckParams{
			AfterID: after, Max: batch, Schema: e.schema, StuckHorizon: horizon,
		})
		if err != nil {
			return n, err
		}
		p := &riverdriver.JobRescueManyParams{Schema: e.schema, StuckHorizon: horizon}
		for _, job := range jobs {
			if after = job.ID; chosen(job) {
				rescue(p, job)
			}
		}
		if len(p.ID) > 0 {
			if _, err := exec.JobRescueMany(ctx, p); err != nil {
				return n, err
			}
			n += len(p.ID)
		}
		if len(jobs) < batch {
			return n, nil
		}
	}
}

// rescue adds job to p.
func rescue(p *riverdriver.JobRescueManyParams, job *rivertype.JobRow) {
	now := time.Now().UTC()
	var told struct {
		Cancel time.Time `json:"cancel_attempted_at"`
	}
	_ = json.Unmarshal(job.Metadata, &told) // what is not to be read says nothing
	state, final := rivertype.JobStateAvailable, (*time.Time)(nil)
	switch {
	case !told.Cancel.IsZero():
		state, final = rivertype.JobStateCancelled, &now
	case job.Attempt >= job.MaxAttempts:
		state, final = rivertype.JobStateDiscarded, &now
	}
	text, _ := json.Marshal(rivertype.AttemptError{At: now, Attempt: job.Attempt, Error: "the process ended during this attempt"})
	p.ID = append(p.ID, job.ID)
	p.Error = append(p.Error, text)
	p.FinalizedAt = append(p.FinalizedAt, final)
	p.ScheduledAt = append(p.ScheduledAt, now)
	p.State = append(p.State, string(state))
}

// workedBy reports whether the client with that id runs job, or did when it died.
func workedBy(job *rivertype.JobRow, id string) bool {
	n := len(job.AttemptedBy)
	return n > 0 && job.AttemptedBy[n-1] == id
}
