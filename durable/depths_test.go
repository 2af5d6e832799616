//go:build unix

package durable_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/lastbyte-go/lastbyte/board"
	"github.com/lastbyte-go/lastbyte/durable"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func TestL9_Depths(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		begun, finish := make(chan struct{}, 10), make(chan struct{})
		e := begin(t, url, config(&records{}, func(context.Context, *river.Job[task]) error {
			begun <- struct{}{}
			<-finish
			return nil
		}))
		defer close(finish)
		insert(t, e)
		testkit.Await(t, begun, "the task")
		for _, opts := range []*river.InsertOpts{
			{ScheduledAt: time.Now().Add(time.Hour)}, {Queue: "other"}, {Queue: "other"},
		} {
			if _, err := e.Insert(t.Context(), task{}, opts); err != nil {
				t.Fatal(err)
			}
		}
		got, err := e.Depths(t.Context())
		if want := "[{default 0 1 1} {other 2 0 0}]"; err != nil || fmt.Sprint(got) != want {
			t.Errorf("Depths = %v, %v, want %s", got, err, want)
		}
	})
}

// The board of a program with an engine shows its queues.
func ExampleEngine_Depths() {
	var engine *durable.Engine // of Open
	life := middleware.New(middleware.Options{})
	_ = board.NewWith(life, board.Options{Queues: engine.Depths})
}
