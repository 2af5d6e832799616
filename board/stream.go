package board

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
)

const (
	every     = 50 * time.Millisecond // how often a stream looks whether there is something new
	atLeast   = time.Second           // how often it says something at least
	perState  = 20                    // endings in one state
	patience  = 10 * time.Second      // how long a viewer may take for one state
	reconnect = 2 * time.Second
)

// stream sends states as server-sent events, until the viewer leaves or the server drains.
// The goroutine is that of the request: what a slow viewer delays is its own stream.
func (b *board) stream(w http.ResponseWriter, r *http.Request) {
	leave, ok := b.enter(r)
	if !ok {
		w.Header().Set("Retry-After", "5")
		http.Error(w, fmt.Sprintf("503 %d pages look at this board already, see board.Options.Viewers", b.room), http.StatusServiceUnavailable)
		return
	}
	defer leave()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx
	if r.Method == http.MethodHead {
		return
	}
	v := &view{ctx: r.Context(), b: b, w: w, out: http.NewResponseController(w)}
	defer v.out.SetWriteDeadline(time.Time{}) // the connection may serve another request
	if v.send(fmt.Sprintf("retry: %d\n\n", reconnect.Milliseconds())) != nil || v.tell() != nil {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	drained := eof.Draining(r.Context())
	for {
		select {
		case <-r.Context().Done():
			return
		case <-drained:
			_ = v.send("event: draining\ndata: {}\n\n") // the stream ends in any case
			return
		case <-tick.C:
			if v.tell() != nil {
				return
			}
		}
	}
}

// view is what one viewer has seen. Its goroutine is that of the stream.
type view struct {
	ctx context.Context // of the stream
	b   *board
	w   http.ResponseWriter
	out *http.ResponseController

	version uint64
	ended   uint64 // in all
	work    []byte // what was at work
	last    time.Time
}

// tell sends the state if there is something new.
func (v *view) tell() error {
	first := v.last.IsZero()
	limit := perState
	if first {
		limit = v.b.kept.size
	}
	s, version := v.b.state(v.ctx, v.version, limit)
	s.Reset = first
	if ended := s.Ended; first {
		v.ended = ended
	} else {
		s.Ended, v.ended = ended-min(v.ended, ended), max(ended, v.ended)
	}
	work, err := json.Marshal(s.sight)
	if err != nil {
		return err
	}
	now := time.Now()
	if !first && version == v.version && s.Ended == 0 && bytes.Equal(work, v.work) && now.Sub(v.last) < atLeast {
		return nil
	}
	v.version, v.work, v.last = version, work, now
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return v.send("data: " + string(data) + "\n\n")
}

// send writes text, which the viewer has to take in time.
func (v *view) send(text string) error {
	_ = v.out.SetWriteDeadline(time.Now().Add(patience)) // a writer without deadlines is waited for
	if _, err := v.w.Write([]byte(text)); err != nil {
		return err
	}
	return v.out.Flush()
}
