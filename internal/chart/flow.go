package chart

import "fmt"

// The size of a flow's parts, in pixels. A flow is not stretched: what stands in it is text.
const (
	flowIndent = 28 // of the ways of a step
	flowAxis   = 15 // from the left to the line of steps that are not indented
	flowText   = 23 // from a line to the text beside it
	flowStep   = 48 // the height of a step
	flowLabel  = 26 // of the name of a way
	flowJump   = 24 // of a line that tells where a way goes on
	flowGap    = 12
	// FlowDepth is how far steps are indented at most.
	FlowDepth = 8
)

// FlowStep is a step of something that is done one step after the other.
type FlowStep struct {
	Name string
	Ways []FlowWay
	// Through tells that one may also go straight on, beside the ways.
	Through bool
	Ends    bool // no step follows
}

// FlowWay is a way that may be taken from a step. Behind it, that goes on which follows the step.
type FlowWay struct {
	Label string
	Steps []FlowStep
}

// FlowPart is what stands in a row of a flow.
type FlowPart string

// The parts.
const (
	FlowAStep FlowPart = "step"
	FlowAWay  FlowPart = "way"  // Name is its label
	FlowAJump FlowPart = "jump" // Name is the step that follows; empty: the end
)

// FlowRow is a row of a flow.
type FlowRow struct {
	Part    FlowPart
	Name    string
	Depth   int // 0 to FlowDepth
	Axis, Y int // of the middle of its mark
	X, Top  int // of its text
	Height  int
}

// Flow is a drawing of steps from the top to the bottom. Ways are indented below their step, so that it fits a narrow page.
type Flow struct {
	Height int
	Depth  int // the most that a row has
	Rows   []FlowRow
	Lines  []FlowLine
}

// FlowLine is a line between marks: the data of an SVG path.
type FlowLine struct {
	Path string
	// Joins tells that no step leads along it: the ways beside it come together where it ends.
	Joins bool
}

// DrawFlow works out the drawing of steps, between a beginning and an end, which have rows of their own without names.
func DrawFlow(steps []FlowStep) *Flow {
	f := &Flow{}
	all := append(append([]FlowStep{{}}, steps...), FlowStep{Ends: true})
	f.list(all, 0, "")
	f.Height -= flowGap
	return f
}

func (f *Flow) row(part FlowPart, name string, depth, height int) FlowRow {
	depth = min(depth, FlowDepth)
	r := FlowRow{Part: part, Name: name, Depth: depth, Axis: flowAxis + depth*flowIndent, Top: f.Height, Height: height, Y: f.Height + height/2}
	r.X = r.Axis + flowText
	if part == FlowAWay {
		r.X = r.Axis - flowAxis + 2
	}
	f.Depth, f.Height = max(f.Depth, depth), f.Height+height+flowGap
	f.Rows = append(f.Rows, r)
	return r
}

// list adds steps, behind which after follows. It returns the last row of the line they stand in, and whether they go on.
func (f *Flow) list(steps []FlowStep, depth int, after string) (last FlowRow, open bool) {
	open = true
	joins := false
	for i, s := range steps {
		r := f.row(FlowAStep, s.Name, depth, flowStep)
		if i > 0 {
			f.line(last, r, joins)
		}
		last, open = r, !s.Ends && (len(s.Ways) == 0 || s.Through) // else its ways tell where they go on
		next := after
		if i+1 < len(steps) {
			next = steps[i+1].Name
		}
		for _, w := range s.Ways {
			f.way(r, w, depth+1, next)
		}
		joins = len(s.Ways) > 0 && !s.Through
	}
	return last, open
}

// way adds a way from a step.
func (f *Flow) way(from FlowRow, w FlowWay, depth int, next string) {
	label := f.row(FlowAWay, w.Label, depth, flowLabel)
	const bend = 10
	f.Lines = append(f.Lines, FlowLine{Path: fmt.Sprintf("M%d %dV%dQ%d %d %d %dH%d", from.Axis, from.Y, label.Y-bend, from.Axis, label.Y, from.Axis+bend, label.Y, label.X)})
	last, open := label, true
	if len(w.Steps) > 0 {
		first := len(f.Rows)
		last, open = f.list(w.Steps, depth, next)
		f.line(label, f.Rows[first], false)
	}
	if !open {
		return
	}
	jump := f.row(FlowAJump, next, depth, flowJump)
	f.line(last, jump, false)
}

func (f *Flow) line(from, to FlowRow, joins bool) {
	f.Lines = append(f.Lines, FlowLine{fmt.Sprintf("M%d %dV%d", from.Axis, from.Y, to.Y), joins})
}
