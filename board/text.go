package board

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

func (b *board) writeJSON(w http.ResponseWriter, r *http.Request) {
	s, _ := b.state(r.Context(), 0, b.kept.size)
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(s) // who asks has left
}

// writeText writes the state as tables.
func (b *board) writeText(w http.ResponseWriter, r *http.Request) {
	s, _ := b.state(r.Context(), 0, b.kept.size)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	textOfState(t, s)
	_ = t.Flush() // who asks has left
}

func textOfState(w io.Writer, s *state) {
	bg := s.Stats.Background
	fmt.Fprintf(w, "%s: %d requests at work, %d after their response, %d tasks running, %d waiting\n",
		clock(s.Now), s.Stats.Active, bg.Detached, bg.Running, bg.Pending)
	fmt.Fprintf(w, "in all: %d requests, %d aborts, %d exits, %d sends; %d tasks or detached handlers done, %d panicked, %d lost\n",
		s.Stats.Requests, s.Stats.Aborts, s.Stats.Exits, s.Stats.EOFs, bg.Done, bg.Panicked, bg.Lost)

	fmt.Fprint(w, "\nENDINGS\tLAST MINUTE\tPER SECOND, NOW LAST\n")
	for k := range kinds {
		name := k.String()
		minute := uint64(0)
		var bars []string
		for i, n := range s.Rates.Kinds[name] {
			if minute += n; i >= seconds-10 {
				bars = append(bars, strconv.FormatUint(n, 10))
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%s\n", name, minute, strings.Join(bars, " "))
	}

	fmt.Fprintf(w, "\nAT WORK\tSTAGE\tMETHOD\tROUTE\tPATH\tPROTOCOL\tCLIENT\n")
	for _, r := range s.Work {
		stage := r.Stage
		if r.Viewer {
			stage += ", this board"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", lasts(s.Now-r.Since), stage, plain(r.Method), plain(r.Route), plain(r.Path), plain(r.Proto), plain(r.Client))
	}
	if s.MoreWork > 0 {
		fmt.Fprintf(w, "and %d more, not so old\n", s.MoreWork)
	}

	fmt.Fprintf(w, "\nTASK\tSTAGE\tNAME\n")
	for _, t := range s.Tasks {
		fmt.Fprintf(w, "%s\t%s\t%s\n", lasts(s.Now-t.Since), t.Stage, plain(t.Route))
	}
	if s.MoreTasks > 0 {
		fmt.Fprintf(w, "and %d more\n", s.MoreTasks)
	}

	if s.Depths != nil {
		textOfDepths(w, s.Depths)
	}
	fmt.Fprintf(w, "\nENDED\tBY\tSTATUS\tTOOK\tHOW\tMETHOD\tROUTE\tPATH\tCLIENT\n")
	for _, r := range s.Endings {
		status := "-"
		if r.Result != nil {
			status = strconv.Itoa(r.Result.Status)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", clock(r.At), r.Kind, status, lasts(r.MS), how(r.Result),
			plain(r.Method), plain(r.Route), plain(r.Path), plain(r.Client))
	}
	if n := uint64(len(s.Endings)); s.Ended > n {
		fmt.Fprintf(w, "%d of %d endings are listed\n", n, s.Ended)
	}
}

// how says what else there is to say of an ending.
func how(r *result) string {
	var all []string
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	switch {
	case r == nil:
		return "-"
	case r.Exit != nil:
		add("exit %d", *r.Exit)
	}
	if r.Reason != "" {
		add("%s at %s (%s)", r.Reason, lasts(r.AbortMS), r.Stage)
	}
	if r.AfterMS > 0 {
		add("worked %s after it", lasts(r.AfterMS))
	}
	for _, flag := range []struct {
		on   bool
		name string
	}{{r.Panicked, "panicked"}, {r.Cut, "cut"}, {r.Hijacked, "hijacked"}} {
		if flag.on {
			add("%s", flag.name)
		}
	}
	if len(all) == 0 {
		return "-"
	}
	return strings.Join(all, ", ")
}

func clock(unixMS float64) string {
	return time.UnixMicro(int64(unixMS * 1000)).Format("15:04:05.000")
}

func lasts(ms float64) string {
	d := time.Duration(ms * float64(time.Millisecond))
	if d < time.Second {
		return fmt.Sprintf("%.1fms", ms)
	}
	return d.Round(10 * time.Millisecond).String()
}

// plain is s as it may be written to a terminal; "-" for nothing, which is a column too.
func plain(s string) string {
	if s == "" {
		return "-"
	}
	if q := strconv.Quote(s); q != `"`+s+`"` {
		return q
	}
	return s
}

func textOfDepths(w io.Writer, d *depths) {
	fmt.Fprintf(w, "\nQUEUE\tWAITING\tRUNNING\tLATER\n")
	for _, q := range d.Queues {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\n", plain(q.Name), q.Waiting, q.Running, q.Later)
	}
	if d.Error != "" {
		fmt.Fprintf(w, "the queues cannot be read: %s\n", plain(d.Error))
	}
}
