package board

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/lastbyte-go/lastbyte/middleware"
)

// sight is what is at work, as it was seen at one moment. It is not changed.
type sight struct {
	Stats     middleware.Stats `json:"stats"`
	Work      []work           `json:"work"` // requests, the oldest first
	Tasks     []work           `json:"tasks"`
	MoreWork  int              `json:"more_work,omitempty"` // how many are not listed
	MoreTasks int              `json:"more_tasks,omitempty"`

	fresh time.Time // how long it is to be used
}

// maxWork is how many requests are listed, and how many tasks.
const maxWork = 200

// freshFor is how long at least what was seen is shown to all viewers. To look takes a
// twentieth of the time at most, however many requests are at work.
const freshFor = 40 * time.Millisecond

// look gives what is at work.
func (b *board) look() *sight {
	b.looking.Lock()
	defer b.looking.Unlock()
	began := time.Now()
	if b.seen != nil && began.Before(b.seen.fresh) {
		return b.seen
	}
	s := &sight{Stats: b.life.Stats()}
	s.Work, s.MoreWork = b.requestsLocked()
	s.Tasks, s.MoreTasks = b.tasks()
	now := time.Now()
	s.fresh = now.Add(max(freshFor, 20*now.Sub(began)))
	b.seen = s
	return s
}

func (b *board) requestsLocked() (list []work, more int) {
	l := oldest{list: []middleware.Request{}}
	for r := range b.life.Requests() {
		l.add(r)
	}
	list = make([]work, 0, len(l.list))
	id, same := "", 0
	for _, r := range l.sorted() {
		o := &r.Outcome
		if next := fmt.Sprint(int64(o.Start.Sub(b.began)), " ", short(r.RemoteAddr, 64)); next != id {
			id, same = next, 0
		}
		same++
		one := work{
			ID:    fmt.Sprint(id, " ", same),
			Stage: stageOf(&r), Method: short(r.Method, 16), Path: short(r.Path, 256), Route: short(r.Route, 128),
			Proto: short(r.Proto, 16), Client: short(r.RemoteAddr, 64), Since: unixMS(o.Start), Bytes: o.Bytes,
			Viewer: slices.ContainsFunc(b.viewers, func(v viewer) bool { return v.start.Equal(o.Start) && v.client == r.RemoteAddr }),
		}
		if o.Sent != 0 || o.Exited {
			one.Status = o.Status
		}
		if r.Ended {
			one.SentMS = ms(o.Duration)
		}
		list = append(list, one)
	}
	return list, l.more
}

// stageOf says how far a request at work is.
func stageOf(r *middleware.Request) string {
	switch o := &r.Outcome; {
	case r.Ended:
		return "after response"
	case o.Hijacked:
		return "hijacked"
	case o.Abort != nil:
		return "client left"
	case o.Exited:
		return "exited"
	case o.Sent != 0:
		return "response"
	}
	return "handler"
}

// oldest collects the oldest requests.
type oldest struct {
	list []middleware.Request
	more int // how many it has dropped
}

func (l *oldest) add(r middleware.Request) {
	if len(l.list) == 2*maxWork {
		l.sorted()
	}
	l.list = append(l.list, r)
}

// sorted drops what is not listed.
func (l *oldest) sorted() []middleware.Request {
	slices.SortFunc(l.list, func(a, b middleware.Request) int {
		return cmp.Or(a.Outcome.Start.Compare(b.Outcome.Start), cmp.Compare(a.RemoteAddr, b.RemoteAddr))
	})
	if n := len(l.list) - maxWork; n > 0 {
		l.list = l.list[:maxWork]
		l.more += n
	}
	return l.list
}

// tasks gives the tasks that run and wait.
func (b *board) tasks() (list []work, more int) {
	list = []work{}
	for i := range b.life.Background().Work() {
		switch {
		case i.Kind != "task":
		case len(list) == maxWork:
			more++
		default:
			stage := "waiting"
			if i.Running {
				stage = "running"
			}
			list = append(list, work{Stage: stage, Route: short(i.Name, 128), Since: unixMS(i.Since)})
		}
	}
	return list, more
}

// viewer is the request of a stream.
type viewer struct {
	start  time.Time
	client string
}

// enter counts the stream of r among those that there is room for.
func (b *board) enter(r *http.Request) (leave func(), ok bool) {
	v := viewer{client: r.RemoteAddr}
	if c, ok := middleware.From(r.Context()); ok {
		v.start = c.Outcome().Start
	}
	b.looking.Lock()
	defer b.looking.Unlock()
	if len(b.viewers) == b.room {
		return nil, false
	}
	b.viewers = append(b.viewers, v)
	b.seen = nil // which has no mark for it
	return func() {
		b.looking.Lock()
		defer b.looking.Unlock()
		if i := slices.Index(b.viewers, v); i >= 0 {
			b.viewers = slices.Delete(b.viewers, i, i+1)
		}
	}, true
}
