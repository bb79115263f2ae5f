// Package chart works out charts that a page draws as inline SVG: rectangles in numbers, labels in words. The server makes
// them, so that they need no script, print, follow the page's colours, and can be read by tests.
//
// The labels of the axes are not part of the drawing. It is stretched to the width of the page, which would squash text;
// a page puts them beside it as HTML.
package chart

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Width and Height are the size of a drawing in its own units.
const (
	Width  = 1000
	Height = 100
)

// Series is a kind of thing that is counted.
type Series struct {
	Name  string // "delivered"
	Class string // names its colour in the style sheet: "ok"
}

// Point is what was counted in one step of time, a number for each series.
type Point struct {
	At     time.Time
	Counts []int64
}

// Bars are stacked bars over time, a bar for each step.
type Bars struct {
	Series []Series
	From   time.Time
	Step   time.Duration
	Steps  int     // bars, those without a point included
	Points []Point // in any order; those outside of the time are left out
}

// Rect is a rectangle of a drawing.
type Rect struct {
	X, Y, W, H string // decimal numbers
	Class      string
}

// Drawing is a chart, ready to be shown.
type Drawing struct {
	Rects []Rect
	Hits  []Hit    // an invisible rectangle over each bar with anything in it
	Grid  []string // the heights of lines, from the top
	Y     []string // their labels, from the top
	X     []time.Time
	// Total of each series, in their order, and the sum.
	Totals []int64
	Sum    int64
	// Rows are the same numbers as a table: those of the bars with anything in them.
	Rows []Row
}

// Hit shows the numbers of a bar when it is pointed at.
type Hit struct {
	Rect
	Title string
}

// Row is a bar in numbers.
type Row struct {
	At     time.Time
	Counts []int64
}

// Draw works the chart out.
func (b *Bars) Draw() Drawing {
	d := Drawing{Totals: make([]int64, len(b.Series))}
	counts := b.table(&d)
	var most int64
	for _, c := range counts {
		most = max(most, sum(c))
	}
	top := niceTop(most)
	for i, at := range []int64{top, top / 2, 0} {
		d.Grid = append(d.Grid, number(float64(i)*Height/2))
		d.Y = append(d.Y, Short(at))
	}
	slot := float64(Width) / float64(max(b.Steps, 1))
	gap := min(slot*.16, 4)
	for i, c := range counts {
		if sum(c) == 0 {
			continue
		}
		x, base := float64(i)*slot, float64(Height)
		at := b.From.Add(time.Duration(i) * b.Step)
		for s, n := range c {
			if n == 0 {
				continue
			}
			// A few failures among many thousands must be seen, so no part is thinner than a line.
			h := max(float64(n)/float64(top)*Height, 1)
			base -= h
			d.Rects = append(d.Rects, Rect{number(x + gap/2), number(max(base, 0)), number(slot - gap), number(h), b.Series[s].Class})
		}
		d.Hits = append(d.Hits, Hit{Rect{X: number(x), Y: "0", W: number(slot), H: strconv.Itoa(Height)}, b.describe(at, c)})
		d.Rows = append(d.Rows, Row{at, c})
	}
	d.X = b.ticks()
	return d
}

// table puts the points in their places and sums them up.
func (b *Bars) table(d *Drawing) [][]int64 {
	counts := make([][]int64, b.Steps)
	for i := range counts {
		counts[i] = make([]int64, len(b.Series))
	}
	for _, p := range b.Points {
		i := int(p.At.Sub(b.From) / b.Step)
		if p.At.Before(b.From) || i >= b.Steps {
			continue
		}
		for s, n := range p.Counts {
			counts[i][s] += n
			d.Totals[s] += n
			d.Sum += n
		}
	}
	return counts
}

// ticks returns up to six times for the labels below the bars, at equal distances: the bars are divided among them.
func (b *Bars) ticks() []time.Time {
	n := 1
	for _, some := range []int{6, 5, 4, 3, 2} {
		if b.Steps%some == 0 {
			n = some
			break
		}
	}
	list := make([]time.Time, n)
	for i := range list {
		list[i] = b.From.Add(time.Duration(i*b.Steps/n) * b.Step)
	}
	return list
}

func (b *Bars) describe(at time.Time, counts []int64) string {
	layout := "15:04"
	if b.Step >= 24*time.Hour {
		layout = "2 January"
	} else if time.Duration(b.Steps)*b.Step > 24*time.Hour {
		layout = "2 Jan 15:04"
	}
	var parts []string
	for i, n := range counts {
		if n > 0 {
			parts = append(parts, Exact(n)+" "+b.Series[i].Name)
		}
	}
	return at.Format(layout) + " UTC: " + strings.Join(parts, ", ")
}

func sum(list []int64) (n int64) {
	for _, c := range list {
		n += c
	}
	return n
}

// niceTop returns the number at the top of an axis that must reach n: an even one with one or two digits that count.
func niceTop(n int64) int64 {
	if n <= 2 {
		return 2
	}
	size := int64(math.Pow10(int(math.Floor(math.Log10(float64(n))))))
	for _, tenths := range []int64{10, 12, 16, 20, 30, 40, 50, 60, 80, 100} {
		top := size * tenths / 10
		if top >= n && top%2 == 0 {
			return top
		}
	}
	return 10 * size
}

// number writes a coordinate with one decimal at most.
func number(x float64) string {
	return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64)
}

// Short writes a count in few characters: 950, 1.2k, 34k, 5M.
func Short(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if n >= u.size {
			if x := float64(n) / float64(u.size); x < 10 && n%u.size != 0 {
				return strconv.FormatFloat(math.Floor(x*10)/10, 'f', -1, 64) + u.name
			}
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// Exact writes a count in full, with commas between thousands.
func Exact(n int64) string {
	if n < 0 {
		return "-" + Exact(-n)
	}
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return Exact(n/1000) + fmt.Sprintf(",%03d", n%1000)
}

// Part is a piece of a line: how long something took.
type Part struct {
	Class string
	Size  float64
}

// Line puts parts one behind the other on the width of a drawing, of which they take all.
func Line(parts []Part) []Rect {
	var all float64
	for _, p := range parts {
		all += p.Size
	}
	if all <= 0 {
		return nil
	}
	var list []Rect
	x := 0.0
	for _, p := range parts {
		if p.Size <= 0 {
			continue
		}
		w := p.Size / all * Width
		list = append(list, Rect{number(x), "0", number(w), strconv.Itoa(Height), p.Class})
		x += w
	}
	return list
}
