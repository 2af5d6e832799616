package bench_test

import (
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/bench/rows"
)

// handlers gives the rows around h, or those with these names, in this order.
func handlers(t testing.TB, h http.HandlerFunc, names ...string) (list []rows.Row) {
	all, drain := rows.Handlers(h, io.Discard)
	t.Cleanup(func() {
		if err := drain(); err != nil {
			t.Error(err)
		}
	})
	for _, name := range names {
		i := slices.IndexFunc(all, func(row rows.Row) bool { return row.Name == name })
		if i < 0 {
			t.Fatalf("there is no row %s", name)
		}
		list = append(list, all[i])
	}
	if names == nil {
		return all
	}
	return list
}

func serving(row rows.Row) func(b *testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		loop := rows.NewLoop(row)
		for b.Loop() {
			loop.Serve(1)
		}
	}
}

func BenchmarkShallow(b *testing.B) {
	for _, row := range handlers(b, rows.Shallow) {
		b.Run(row.Name, serving(row))
	}
}

func BenchmarkStack8KB(b *testing.B) {
	for _, row := range handlers(b, rows.Deep) {
		b.Run(row.Name, serving(row))
	}
}
