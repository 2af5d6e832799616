package durable

import (
	"context"

	"errors"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// plugin is the engine's part in River's calls: what an inserted job takes along, and
// what the log has of a job that has run.
type plugin struct {
	river.PluginDefaults
	log *slog.Logger
}

// InsertMany is around every insertion, one job or many, in a transaction of the user's
// or not.
func (p *plugin) InsertMany(ctx context.Context, jobs []*rivertype.JobInsertParams, inner func(context.Context) ([]*rivertype.JobInsertResult, error)) ([]*rivertype.JobInsertResult, error) {
	if o := originOf(ctx); !o.empty() {
		for _, job := range jobs {
			job.Metadata = o.addTo(job.Metadata)
		}
	}
	results, err := inner(ctx)
	return results, fault(ctx, "insert", err)
}

// Work is around every run of a job, outside of the user's middlewares.
func (p *plugin) Work(ctx context.Context, job *rivertype.JobRow, inner func(context.Context) error) error {
	begun := time.Now()
	o := originIn(job.Metadata)
	ctx = o.into(ctx)
	panicked := true // until inner returns
	var err error
	defer func() { p.line(ctx, job, o, time.Since(begun), err, panicked) }()
	err = inner(ctx)
	panicked = false
	return err
}

// line writes the line of a run, with the fields that lastbyte's lines of requests have
// where the two have the same. A panic of the logger is no failure of the job.
func (p *plugin) line(ctx context.Context, job *rivertype.JobRow, o *origin, took time.Duration, err error, panicked bool) {
	defer func() { _ = recover() }()
	level, attrs := slog.LevelInfo, make([]slog.Attr, 0, 16)
	attrs = append(attrs, slog.String("kind", job.Kind), slog.Int64("job_id", job.ID), slog.String("queue", job.Queue))
	if o.RequestID != "" {
		attrs = append(attrs, slog.String("request_id", o.RequestID))
	}
	attrs = append(attrs, slog.Int("attempt", job.Attempt), slog.Float64("duration_ms", float64(took.Microseconds())/1000))
	if job.AttemptedAt != nil {
		attrs = append(attrs, slog.Float64("waited_ms", float64(max(0, job.AttemptedAt.Sub(job.ScheduledAt)).Microseconds())/1000))
	}
	switch end := endOf(ctx, err); {
	case panicked:
		level, attrs = slog.LevelError, append(attrs, slog.Bool("panicked", true))
	case end != "":
		attrs = append(attrs, slog.String("ended", end))
	case err != nil:
		level, attrs = slog.LevelError, append(attrs, slog.String("error", err.Error()))
	}
	p.log.LogAttrs(ctx, level, "job", append(attrs, o.attrs()...)...)
}

// endOf is how a job has ended that has neither been done nor failed, else "".
func endOf(ctx context.Context, err error) string {
	_, snoozed := errors.AsType[*river.JobSnoozeError](err)
	_, cancelled := errors.AsType[*river.JobCancelError](err)
	switch {
	case snoozed:
		return "snoozed"
	case cancelled, err != nil && errors.Is(context.Cause(ctx), river.ErrJobCancelledRemotely):
		return "cancelled"
	case ctx.Err() != nil && errors.Is(err, context.Canceled): // not the end of the job's time, which is further in
		return "interrupted"
	}
	return ""
}
