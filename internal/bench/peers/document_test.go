package main

import (
	"os"
	"slices"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/bench/rows"
)

const repository = "../../.."

// The tables and plots of docs/performance.md, and the table of the README, are what
// measured/ has, as `make bench-document` writes them.
func TestDocument_HasWhatWasMeasured(t *testing.T) {
	tables, err := kept()
	if err != nil {
		t.Fatal(err)
	}
	files, err := documents(repository, tables)
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range files {
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s (error %v) is not as `make bench-document` writes it", file, err)
		}
	}
}

// They have a row for each that the commands print, and no other.
func TestDocument_NamesEveryRow(t *testing.T) {
	list, drain := handlers(rows.Shallow, t.Output())
	if err := drain(); err != nil {
		t.Fatal(err)
	}
	var shallow, works, ngx []string
	for _, row := range list {
		shallow = append(shallow, row.Name)
	}
	for _, job := range work() {
		works = append(works, job.Name)
	}
	for _, l := range locations {
		ngx = append(ngx, l.row)
	}
	for _, l := range locations {
		ngx = append(ngx, l.name)
	}
	want := map[string][]string{
		"handlers": shallow, "jobs": works,
		"profile": profiled, "wire-keep-alive": wired, "wire-new": wiredNew, "wire-h2c": wired, "wire-log": logged,
		"ngx-keep-alive": ngx, "ngx-new": ngx, "ngx-h2c": ngx,
	}
	tables, err := kept()
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		var got []string
		for _, row := range table.Rows {
			got = append(got, row[0])
		}
		if names, ok := want[table.Name]; ok && !slices.Equal(got, names) {
			t.Errorf("the table %s has the rows %q, want %q: measure it again with -keep", table.Name, got, names)
		}
		delete(want, table.Name)
	}
	for name := range want {
		t.Errorf("no table %s was measured, want one: measure it with -keep", name)
	}
}

// A drawing has a line for each column, and ends at the last number of each axis.
func TestChart(t *testing.T) {
	for _, tt := range []struct{ most, step, end float64 }{{4.6, 1, 5}, {100, 20, 100}, {0.7, 0.2, 0.8}, {2100, 500, 2500}} {
		if step, end := ticks(tt.most); step != tt.step || end < tt.most || end-tt.end > 1e-9 {
			t.Errorf("ticks(%v) = %v, %v, want %v, %v", tt.most, step, end, tt.step, tt.end)
		}
	}
}
