package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Table is what a command has measured, as it is kept in measured/.
type Table struct {
	Name    string // of the file, and in the document
	Title   string
	Command string // that has made it
	Machine string
	Columns []string
	Rows    [][]string // the first cell is the row's name
	Chart   *Chart     `json:",omitempty"`
}

func newTable(title string, columns ...string) Table { return Table{Title: title, Columns: columns} }

// add adds a row. Numbers are written with the digits that say something.
func (t *Table) add(name string, cells ...any) {
	row := []string{name}
	for _, c := range cells {
		switch c := c.(type) {
		case float64:
			row = append(row, number(c))
		case int:
			row = append(row, grouped(c))
		default:
			row = append(row, fmt.Sprint(c))
		}
	}
	t.Rows = append(t.Rows, row)
}

// number writes x with about three digits.
func number(x float64) string {
	switch {
	case x < 0.005 && x > -0.005:
		return "0"
	case x < 10 && x > -10:
		return strconv.FormatFloat(x, 'f', 2, 64)
	case x < 100 && x > -100:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return grouped(int(math.Round(x)))
}

// grouped writes n with a comma between thousands.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// markdown gives the table with its columns aligned.
func (t *Table) markdown() string {
	all := append([][]string{t.Columns}, t.Rows...)
	width := make([]int, len(t.Columns))
	for _, row := range all {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell), 4)
		}
	}
	var b strings.Builder
	for n, row := range all {
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i > 0 {
				cell, pad = pad+cell, "" // numbers to the right
			}
			fmt.Fprintf(&b, "| %s%s ", cell, pad)
		}
		b.WriteString("|\n")
		if n == 0 {
			for i, w := range width {
				right := "-"
				if i > 0 {
					right = ":"
				}
				fmt.Fprintf(&b, "|%s%s", strings.Repeat("-", w+1), right)
			}
			b.WriteString("|\n")
		}
	}
	return b.String()
}

func (t *Table) file() string { return filepath.Join("measured", t.Name+".json") }

func (t *Table) save() error {
	text, err := json.MarshalIndent(t, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll("measured", 0o777); err != nil {
		return err
	}
	return os.WriteFile(t.file(), append(text, '\n'), 0o666)
}

// machine says where and when, and what else the machine had to do.
func machine() string {
	cpu := "an unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	load := ""
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		load = ", load average " + strings.Fields(string(text))[0]
	}
	return fmt.Sprintf("%d cores of %s, %s/%s, %s, %s%s",
		runtime.NumCPU(), cpu, runtime.GOOS, runtime.GOARCH, runtime.Version(), time.Now().UTC().Format(time.DateOnly), load)
}

// The three numbers that stand for many, which are sorted by it.
func quartiles(of []float64) (low, median, high float64) {
	slices.Sort(of)
	return of[len(of)/4], of[len(of)/2], of[len(of)*3/4]
}

func median(of []float64) float64 {
	_, m, _ := quartiles(of)
	return m
}

// spread is the half of the rounds that is in the middle.
func spread(of []float64) string {
	low, _, high := quartiles(of)
	return number(low) + " to " + number(high)
}
