package chart

import (
	"slices"
	"strings"
	"testing"
)

// TestDrawFlow draws a branch whose first way ends, whose second has a step, and whose third is empty; and a step with a way
// beside the straight one.
func TestDrawFlow(t *testing.T) {
	f := DrawFlow([]FlowStep{
		{Name: "a", Ways: []FlowWay{{Label: "one", Steps: []FlowStep{{Name: "b"}, {Name: "c", Ends: true}}}, {Label: "two", Steps: []FlowStep{{Name: "d"}}}, {Label: "three"}}},
		{Name: "e", Through: true, Ways: []FlowWay{{Label: "late", Steps: []FlowStep{{Name: "f"}}}}},
	})
	var got []string
	for i, r := range f.Rows {
		got = append(got, strings.Repeat(">", r.Depth)+string(r.Part)+":"+r.Name)
		if i > 0 && r.Top != f.Rows[i-1].Top+f.Rows[i-1].Height+flowGap {
			t.Errorf("row %d begins at %d, behind one that ends at %d", i, r.Top, f.Rows[i-1].Top+f.Rows[i-1].Height)
		}
	}
	want := []string{"step:", "step:a", ">way:one", ">step:b", ">step:c", ">way:two", ">step:d", ">jump:e", ">way:three", ">jump:e", "step:e", ">way:late", ">step:f", ">jump:", "step:"}
	if !slices.Equal(got, want) {
		t.Errorf("got the rows\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	last := f.Rows[len(f.Rows)-1]
	if f.Height != last.Top+last.Height || f.Depth != 1 {
		t.Errorf("got the height %d and the depth %d, want %d and 1", f.Height, f.Depth, last.Top+last.Height)
	}
	// Of the lines along which no step leads there is one: below the branch.
	joins := 0
	for _, l := range f.Lines {
		if l.Joins {
			joins++
		}
	}
	if joins != 1 || len(f.Lines) != len(f.Rows)-1 {
		t.Errorf("got %d lines, %d of them where ways come together; want %d and 1", len(f.Lines), joins, len(f.Rows)-1)
	}
}

// TestDeepFlow draws more steps within steps than a page has room to indent.
func TestDeepFlow(t *testing.T) {
	steps := []FlowStep{{Name: "last"}}
	for range 20 {
		steps = []FlowStep{{Name: "s", Ways: []FlowWay{{Label: "w", Steps: steps}}}}
	}
	f := DrawFlow(steps)
	if f.Depth != FlowDepth {
		t.Errorf("got the depth %d, want %d", f.Depth, FlowDepth)
	}
}
