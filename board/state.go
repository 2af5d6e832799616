package board

import (
	"context"
	"log/slog"
	"strings"
	"time"
)

// state is what the board shows. Times are milliseconds of Unix time, and durations
// milliseconds.
type state struct {
	Now float64 `json:"now"`
	*sight
	Depths *depths `json:"depths,omitempty"` // of the queues of a job engine

	Totals  map[string]uint64 `json:"totals"` // endings of each kind since the board was made
	Rates   rates             `json:"rates"`
	Ended   uint64            `json:"ended"`           // endings since the last state of the stream, or all
	Endings []row             `json:"endings"`         // those of them that are listed, the newest first
	Reset   bool              `json:"reset,omitempty"` // the first state of a stream
}

// work is a request or a task that is at work.
type work struct {
	ID     string  `json:"id"` // of a request
	Stage  string  `json:"stage"`
	Method string  `json:"method,omitempty"`
	Path   string  `json:"path,omitempty"`
	Route  string  `json:"route,omitempty"`
	Proto  string  `json:"proto,omitempty"`
	Client string  `json:"client,omitempty"`
	Since  float64 `json:"since"`
	Bytes  int64   `json:"bytes,omitempty"`
	Status int     `json:"status,omitempty"`
	SentMS float64 `json:"sent_ms,omitempty"` // from its start to the end of its response
	Viewer bool    `json:"viewer,omitempty"`  // it is a stream of this board
}

type rates struct {
	First int64               `json:"first"` // second of Unix time
	Kinds map[string][]uint64 `json:"kinds"`
}

// row is an ending.
type row struct {
	ID     uint64      `json:"id"`
	Kind   string      `json:"kind"`
	At     float64     `json:"at"`
	MS     float64     `json:"ms"`
	Method string      `json:"method,omitempty"`
	Path   string      `json:"path,omitempty"`
	Route  string      `json:"route,omitempty"` // of a task its name
	Proto  string      `json:"proto,omitempty"`
	Client string      `json:"client,omitempty"`
	ReqID  string      `json:"request_id,omitempty"`
	Own    bool        `json:"own,omitempty"`     // a request for this board, which it has answered
	Result *result     `json:"outcome,omitempty"` // not of a task
	Attrs  [][2]string `json:"attrs,omitempty"`
	Log    string      `json:"log,omitempty"`
}

// result is the Outcome of a request.
type result struct {
	Status   int     `json:"status"`
	Sent     int     `json:"sent"`
	Bytes    int64   `json:"bytes"`
	Exit     *int    `json:"exit,omitempty"`
	Reason   string  `json:"reason,omitempty"`
	Stage    string  `json:"stage,omitempty"`
	AbortMS  float64 `json:"abort_ms,omitempty"`
	EOFMS    float64 `json:"eof_ms,omitempty"`
	AfterMS  float64 `json:"after_ms,omitempty"` // from the end of the response to that of the handler
	Hijacked bool    `json:"hijacked,omitempty"`
	Panicked bool    `json:"panicked,omitempty"`
	Cut      bool    `json:"cut,omitempty"`
}

// state gives what there is to see, with the endings after the version, limit at most, of
// which those that were no good come first.
func (b *board) state(ctx context.Context, version uint64, limit int) (s *state, now uint64) {
	t := time.Now()
	list, now := b.kept.since(version)
	if len(list) > limit {
		chosen := make([]*ending, 0, limit)
		for _, good := range []bool{false, true} {
			for _, e := range list {
				if len(chosen) < limit && good == (e.kind == handler || e.kind == task) {
					chosen = append(chosen, e)
				}
			}
		}
		list = chosen
	}
	s = &state{Now: unixMS(t), sight: b.look(), Depths: b.queues.look(ctx), Totals: make(map[string]uint64), Endings: make([]row, 0, len(list))}
	for _, e := range list {
		s.Endings = append(s.Endings, rowOf(e))
	}
	for k, n := range b.totals() {
		s.Totals[kind(k).String()] = n
		s.Ended += n
	}
	first, all := b.kept.rates(t.Unix(), b.totals)
	s.Rates = rates{first, make(map[string][]uint64)}
	for k := range all {
		s.Rates.Kinds[kind(k).String()] = all[k][:]
	}
	return s, now
}

func rowOf(e *ending) row {
	r := row{
		ID: e.id, Kind: e.kind.String(), At: unixMS(e.at), MS: ms(e.took),
		Method: e.method, Path: e.path, Route: e.route, Proto: e.proto, Client: e.client, ReqID: e.requestID, Own: e.own,
	}
	if e.kind == task {
		return r
	}
	o := &e.out
	r.Result = &result{
		Status: o.Status, Sent: o.Sent, Bytes: o.Bytes, EOFMS: ms(o.EOF),
		Hijacked: o.Hijacked, Panicked: o.Panicked, Cut: o.Cut,
	}
	if o.Exited {
		code := int(o.Exit)
		r.Result.Exit = &code
	}
	if a := o.Abort; a != nil {
		r.Result.Reason, r.Result.Stage, r.Result.AbortMS = string(a.Reason), string(a.Stage), ms(a.After)
	}
	if o.Worked > 0 {
		r.Result.AfterMS = ms(max(o.Worked-o.Duration, 1))
	}
	for _, a := range o.Attrs {
		r.Attrs = append(r.Attrs, [2]string{a.Key, a.Value.String()})
	}
	r.Log = logLine(e)
	return r
}

// logLine is the line of the log as log/slog's TextHandler has it, with the fields that the
// Lifecycle's has.
func logLine(e *ending) string {
	var line strings.Builder
	level := slog.LevelInfo
	if e.out.Status >= 500 || e.out.Panicked {
		level = slog.LevelError
	}
	l := slog.NewRecord(e.at, level, "request", 0)
	l.AddAttrs(slog.String("method", e.method), slog.String("path", e.path))
	if e.route != "" {
		l.AddAttrs(slog.String("route", e.route))
	}
	if e.requestID != "" {
		l.AddAttrs(slog.String("request_id", e.requestID))
	}
	l.AddAttrs(slog.String("proto", e.proto))
	l.AddAttrs(e.out.LogValue().Group()...)
	_ = slog.NewTextHandler(&line, nil).Handle(context.Background(), l) // a Builder takes everything
	return strings.TrimSuffix(line.String(), "\n")
}

func unixMS(t time.Time) float64 { return float64(t.UnixMicro()) / 1000 }

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
