package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Row is one figure that Relay is held to.
type Row struct {
	Case    string   `json:"case"`
	What    string   `json:"what"`
	Figure  float64  `json:"figure"`
	Unit    string   `json:"unit"`
	Target  float64  `json:"target"`
	Stretch *float64 `json:"stretch"` // what would be better still; null for none
	AtLeast bool     `json:"atLeast"` // the figure should be that or more; else that or less
	Holds   bool     `json:"holds"`
	Note    string   `json:"note"` // how it came about: runs, scale
}

// atLeast and atMost make rows; a stretch of zero is none.
func atLeast(what string, figure float64, unit string, target, stretch float64) Row {
	return row(what, figure, unit, target, stretch, true)
}

func atMost(what string, figure float64, unit string, target, stretch float64) Row {
	return row(what, figure, unit, target, stretch, false)
}

func row(what string, figure float64, unit string, target, stretch float64, least bool) Row {
	r := Row{What: what, Figure: digits(figure), Unit: unit, Target: target, AtLeast: least}
	if stretch != 0 {
		r.Stretch = &stretch
	}
	if r.Holds = figure <= target; least {
		r.Holds = figure >= target
	}
	return r
}

// errUnknown stands for a figure that cannot be read here.
var errUnknown = errors.New("the figures of the process cannot be read: no /proc, or a relay elsewhere")

// benchCase is a named case: one scenario, one or more rows.
type benchCase struct {
	name string
	run  func(ctx context.Context, l *lab) ([]Row, error)
	// own needs a relay of its own: no --target.
	own bool
}

// cases in the order they are run.
func cases() []benchCase {
	return []benchCase{
		{name: "burst", run: caseBurst},
		{name: "spread", run: caseSpread},
		{name: "single", run: caseSingle},
		{name: "fanout", run: caseFanOut},
		{name: "latency", run: caseLatency},
		{name: "lone", run: caseLone},
		{name: "stream", run: caseStream},
		{name: "gate", run: caseGate, own: true},
		{name: "catalogue", run: caseCatalogue, own: true},
		{name: "idle", run: caseIdle, own: true},
		{name: "wide", run: caseWide},
		{name: "hanging", run: caseHanging, own: true},
		{name: "backlog", run: caseBacklog, own: true},
		{name: "ramp", run: caseRamp, own: true},
		{name: "log", run: caseLog, own: true},
		{name: "expire", run: caseExpire, own: true},
	}
}

func caseNames() []string {
	var names []string
	for _, c := range cases() {
		names = append(names, c.name)
	}
	return names
}

// RunCases runs the named cases and returns their rows. A case that fails to
// run ends it; the rows before are returned with the error.
func RunCases(ctx context.Context, o Options, names []string) ([]Row, error) {
	all := cases()
	var chosen []benchCase
	for _, name := range names {
		i := slices.IndexFunc(all, func(c benchCase) bool { return c.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no case %q; there are %s", name, strings.Join(caseNames(), ", "))
		}
		if all[i].own && o.Target != "" {
			return nil, fmt.Errorf("the case %q starts and measures a relay of its own, which --target excludes", name)
		}
		chosen = append(chosen, all[i])
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	var rows []Row
	for _, c := range chosen {
		list, err := runCase(ctx, o, c)
		rows = append(rows, list...)
		if err != nil {
			return rows, fmt.Errorf("case %q: %w", c.name, err)
		}
	}
	return rows, nil
}

// runCase runs one case with a receiver and a folder of its own.
func runCase(ctx context.Context, o Options, c benchCase) ([]Row, error) {
	l, err := newLab(ctx, o)
	if err != nil {
		return nil, err
	}
	defer l.close()
	l.logf("case %s", c.name)
	rows, err := c.run(ctx, l)
	for i := range rows {
		rows[i].Case = c.name
		l.logf("  %s: %s %s", rows[i].What, short(rows[i].Figure), rows[i].Unit)
	}
	return rows, err
}

// scaled returns a large case's count at the scale asked for.
func (l *lab) scaled(n int) int { return max(100, int(float64(n)*l.o.Scale)) }

// scaleNote marks figures of another scale.
func (l *lab) scaleNote(n int) string {
	if l.o.Scale == 1 {
		return ""
	}
	return fmt.Sprintf("at %d", n)
}

// median returns the middle of a list, the lower of two.
func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return list[(len(list)-1)/2]
}
