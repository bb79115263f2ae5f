package chart

import (
	"slices"
	"strconv"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func attempts(points ...Point) *Bars {
	return &Bars{
		Series: []Series{{"delivered", "ok"}, {"failed", "bad"}},
		From:   start, Step: 30 * time.Minute, Steps: 48, Points: points,
	}
}

func TestBarsStack(t *testing.T) {
	d := attempts(
		Point{start, []int64{60, 0}},
		Point{start.Add(31 * time.Minute), []int64{40, 40}}, // belongs to the second bar
		Point{start.Add(-time.Second), []int64{999, 0}},
		Point{start.Add(24 * time.Hour), []int64{999, 0}},
	).Draw()
	if d.Sum != 140 || d.Totals[0] != 100 || d.Totals[1] != 40 {
		t.Errorf("got the totals %v and %d, want [100 40] and 140: points outside of the time do not count", d.Totals, d.Sum)
	}
	if want := []string{"80", "40", "0"}; !slices.Equal(d.Y, want) {
		t.Errorf("got the axis %q, want %q", d.Y, want)
	}
	if len(d.Rects) != 3 || len(d.Rows) != 2 || len(d.Hits) != 2 {
		t.Fatalf("got %d rectangles, %d rows, %d hits, want 3, 2, 2", len(d.Rects), len(d.Rows), len(d.Hits))
	}
	first, second, third := d.Rects[0], d.Rects[1], d.Rects[2]
	if first.H != "75" || first.Y != "25" || second.H != "50" || second.Y != "50" || third.Y != "0" || third.Class != "bad" {
		t.Errorf("got %+v, want 60 of 80, and 40 of 80 with the failures above", d.Rects)
	}
	if want := "12:30 UTC: 40 delivered, 40 failed"; d.Hits[1].Title != want {
		t.Errorf("got the title %q, want %q", d.Hits[1].Title, want)
	}
	if len(d.X) != 6 || !d.X[1].Equal(start.Add(4*time.Hour)) {
		t.Errorf("got the times %v, want six, four hours apart", d.X)
	}
}

// TestRareFailuresShow has one failure among a million, which must not vanish.
func TestRareFailuresShow(t *testing.T) {
	d := attempts(Point{start, []int64{1_000_000, 1}}).Draw()
	h, err := strconv.ParseFloat(d.Rects[1].H, 64)
	if err != nil || h < 1 {
		t.Errorf("got the height %q, want at least 1", d.Rects[1].H)
	}
	if d.Rects[1].Y[0] == '-' {
		t.Errorf("got a rectangle at %s, above the drawing", d.Rects[1].Y)
	}
}

func TestEmptyBars(t *testing.T) {
	d := attempts().Draw()
	if len(d.Rects) != 0 || d.Sum != 0 || len(d.Y) != 3 || d.Y[0] != "2" {
		t.Errorf("got %+v, want an axis and no bar", d)
	}
}

func TestNiceTop(t *testing.T) {
	for n, want := range map[int64]int64{0: 2, 1: 2, 2: 2, 3: 4, 9: 10, 10: 10, 11: 12, 13: 16, 99: 100, 100: 100, 101: 120, 950: 1000, 1234: 1600} {
		if got := niceTop(n); got != want {
			t.Errorf("%d: got %d, want %d", n, got, want)
		}
	}
}

func TestNumbersInWords(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1k", 1250: "1.2k", 34_567: "34k", 5_000_000: "5M", 2_300_000_000: "2.3G"} {
		if got := Short(n); got != want {
			t.Errorf("Short(%d): got %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 84_212: "84,212", 1_000_007: "1,000,007", -1234: "-1,234"} {
		if got := Exact(n); got != want {
			t.Errorf("Exact(%d): got %q, want %q", n, got, want)
		}
	}
}

func TestLine(t *testing.T) {
	list := Line([]Part{{"a", 1}, {"b", 0}, {"c", 3}})
	if len(list) != 2 || list[0].W != "250" || list[1].X != "250" || list[1].W != "750" {
		t.Errorf("got %+v, want a quarter and three quarters", list)
	}
	if Line([]Part{{"a", 0}}) != nil {
		t.Error("got a line of nothing")
	}
}
