package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Row is one figure with its target.
type Row struct {
	Case    string   `json:"case"`
	What    string   `json:"what"`
	Figure  float64  `json:"figure"`
	Unit    string   `json:"unit"`
	Target  float64  `json:"target"`
	Stretch *float64 `json:"stretch"` // a more ambitious target; null for none
	AtLeast bool     `json:"atLeast"` // the figure should be at least the target, otherwise at most
	Holds   bool     `json:"holds"`
	Note    string   `json:"note"` // how it was measured: runs, scale
}

// atLeast and atMost create rows; a stretch of zero means none.
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

// errUnknown is returned for a figure that cannot be read here.
var errUnknown = errors.New("the figures of the process cannot be read: no /proc, or a relay elsewhere")

// benchCase is a named case: one scenario, one or more rows.
type benchCase struct {
	name string
	run  func(ctx context.Context, l *lab) ([]Row, error)
	// own means that the case needs its own relay, so it excludes --target.
	own bool
}

// cases returns the cases in the order in which they run.
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
		{name: "audience", run: caseAudience, own: true},
		{name: "catalogue", run: caseCatalogue, own: true},
		{name: "idle", run: caseIdle, own: true},
		{name: "wide", run: caseWide},
		{name: "hanging", run: caseHanging, own: true},
		{name: "backlog", run: caseBacklog, own: true},
		{name: "ramp", run: caseRamp, own: true},
		{name: "log", run: caseLog, own: true},
		{name: "expire", run: caseExpire, own: true},
		{name: "dashboards", run: caseDashboards, own: true},
		{name: "tenants", run: caseTenants, own: true},
		{name: "erase", run: caseErase, own: true},
	}
}

func caseNames() []string {
	var names []string
	for _, c := range cases() {
		names = append(names, c.name)
	}
	return names
}

// RunCases runs the named cases and returns their rows. It stops at the first case that fails, and
// returns the earlier rows with the error.
func RunCases(ctx context.Context, o Options, names []string) ([]Row, error) {
	all := cases()
	var chosen []benchCase
	for _, name := range names {
		i := slices.IndexFunc(all, func(c benchCase) bool { return c.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no case %q; the cases are %s", name, strings.Join(caseNames(), ", "))
		}
		if all[i].own && o.Target != "" {
			return nil, fmt.Errorf("the case %q starts its own relay, so it cannot be used with --target", name)
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

// runCase runs one case with its own receiver and folder.
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

// scaled returns a large case's count at the requested scale.
func (l *lab) scaled(n int) int { return max(100, int(float64(n)*l.o.Scale)) }

// scaleNote marks figures of another scale than 1.
func (l *lab) scaleNote(n int) string {
	if l.o.Scale == 1 {
		return ""
	}
	return fmt.Sprintf("at %d", n)
}

// median returns the middle of a list, or the lower of the two middle values.
func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return list[(len(list)-1)/2]
}
