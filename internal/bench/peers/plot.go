package main

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Chart says how a table is drawn: its first column is x, on a logarithmic axis, and each
// of the others is a line.
type Chart struct{ X, Y string }

// The size of a drawing, and of what is inside of its axes.
const (
	width, height            = 720, 360
	left, right, top, bottom = 64, 190, 16, 48
)

// Okabe and Ito's colours, which people tell apart who see some colours alike.
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"}

// svg draws the table.
func (t *Table) svg() (string, error) {
	xs, lines, err := t.numbers()
	if err != nil {
		return "", err
	}
	most := 0.0
	for _, line := range lines {
		for _, y := range line {
			most = max(most, y)
		}
	}
	step, most := ticks(most)
	low, high := math.Log10(xs[0]), math.Log10(xs[len(xs)-1])
	x := func(v float64) float64 { return left + (math.Log10(v)-low)/(high-low)*(width-left-right) }
	y := func(v float64) float64 { return height - bottom - max(v, 0)/most*(height-top-bottom) }

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n"+`<rect width="%d" height="%d" fill="#fff"/>`+"\n", html.EscapeString(t.Title), width, height)
	for v := 0.0; v <= most*1.001; v += step {
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, y(v), width-right, left-6, y(v)+4, html.EscapeString(strings.TrimSuffix(number(v), ".00")))
	}
	for i, v := range xs {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", x(v), height-bottom+18, t.Rows[i][0])
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", left+(width-left-right)/2, height-10, html.EscapeString(t.Chart.X))
	fmt.Fprintf(&b, `<text transform="translate(14 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n", top+(height-top-bottom)/2, html.EscapeString(t.Chart.Y))
	for n, line := range lines {
		var points strings.Builder
		for i, v := range line {
			fmt.Fprintf(&points, "%.1f,%.1f ", x(xs[i]), y(v))
		}
		colour := colours[n%len(colours)]
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.TrimSpace(points.String()), colour)
		for i, v := range line {
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x(xs[i]), y(v), colour)
		}
		fmt.Fprintf(&b, "\n"+`<path d="M%d %dh20" stroke="%s" stroke-width="2"/><text x="%d" y="%d">%s</text>`+"\n",
			width-right+12, top+10+20*n, colour, width-right+38, top+14+20*n, html.EscapeString(t.Columns[n+1]))
	}
	b.WriteString("</svg>\n")
	return b.String(), nil
}

// numbers reads the cells back.
func (t *Table) numbers() (xs []float64, lines [][]float64, err error) {
	lines = make([][]float64, len(t.Columns)-1)
	for _, row := range t.Rows {
		for i, cell := range row {
			v, err := strconv.ParseFloat(strings.ReplaceAll(cell, ",", ""), 64)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", t.Name, err)
			}
			if i == 0 {
				xs = append(xs, v)
			} else {
				lines[i-1] = append(lines[i-1], v)
			}
		}
	}
	if len(xs) < 2 {
		return nil, nil, fmt.Errorf("%s has %d rows, want two for a line", t.Name, len(xs))
	}
	return xs, lines, nil
}

// ticks gives the step of an axis from 0 with about five of them, and its end.
func ticks(most float64) (step, end float64) {
	rough := most / 5
	power := math.Pow(10, math.Floor(math.Log10(rough)))
	for _, m := range []float64{1, 2, 5, 10} {
		if step = m * power; step >= rough {
			break
		}
	}
	return step, math.Ceil(most/step) * step
}
