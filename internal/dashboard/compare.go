package dashboard

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/chart"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/problem"
)

// compareView is two attempts side by side, the earlier one first.
type compareView struct {
	Of            attemptView // the one that others can be compared with
	Earlier       *comparedView
	Later         *comparedView // nil, like Earlier: there is none to compare with
	SameDelivery  bool
	SameURL       bool
	Phases        []comparedPhase
	RequestHead   []comparedField
	RequestBody   sides
	AnswerHead    []comparedField
	AnswerBody    sides
	Differences   []string
	Others        []attemptView
	MissingBodies []string // why bodies of requests cannot be compared
}

// comparedView is one of the two.
type comparedView struct {
	attemptView
	EventID string
}

// comparedPhase is a part of the time in both attempts.
type comparedPhase struct {
	Class, Name    string
	Earlier, Later time.Duration
}

// Change is how much longer the later attempt took.
func (p comparedPhase) Change() string {
	switch d := p.Later - p.Earlier; {
	case d.Abs() < time.Millisecond:
		return "–"
	case d > 0:
		return "+" + took(d)
	default:
		return "−" + took(-d)
	}
}

// comparedField is a field of two heads; an empty value: it is missing there.
type comparedField struct {
	Name, Earlier, Later string
	// Always: the field is another in each request, so that it tells nothing.
	Always bool
}

// Differs reports whether the difference tells something.
func (f comparedField) Differs() bool { return f.Earlier != f.Later && !f.Always }

// compareHeads pairs the fields of two heads by name, the n-th with the n-th of that name.
func compareHeads(earlier, later []exchange.Field) []comparedField {
	var list []comparedField
	type nth struct {
		name string
		n    int
	}
	at, seen := make(map[nth]int), make(map[string]int)
	for _, f := range earlier {
		name := strings.ToLower(f.Name)
		at[nth{name, seen[name]}] = len(list)
		seen[name]++
		list = append(list, comparedField{Name: f.Name, Earlier: f.Value, Always: changesAlways(name)})
	}
	clear(seen)
	for _, f := range later {
		name := strings.ToLower(f.Name)
		i, ok := at[nth{name, seen[name]}]
		seen[name]++
		if ok {
			list[i].Later = f.Value
		} else {
			list = append(list, comparedField{Name: f.Name, Later: f.Value, Always: changesAlways(name)})
		}
	}
	return list
}

// changesAlways reports whether a field has another value each time: signatures cover the time.
func changesAlways(lowerName string) bool {
	return lowerName == "date" || strings.Contains(lowerName, "timestamp") || strings.Contains(lowerName, "signature")
}

// sides are two texts side by side.
type sides struct {
	Rows    []sideRow
	Differs int  // rows that differ
	Empty   bool // both texts are empty
	Cut     bool // there is more of them
}

// sideRow is a line of both texts, or how many lines are left out because they are alike.
type sideRow struct {
	Earlier, Later string
	Removed, Added bool // the side has the line, and the other one does not
	Skipped        int
}

// Same reports whether both sides have the line.
func (r sideRow) Same() bool { return !r.Removed && !r.Added && r.Skipped == 0 }

const (
	// maxCompared bounds each of two texts that are compared, in bytes.
	maxCompared = 64 << 10
	// sideContext is how many equal lines are shown around a difference.
	sideContext = 3
)

// compareTexts puts two texts beside each other. Lines that follow each other and differ stand in the same row.
func compareTexts(earlier, later string) sides {
	v := sides{Empty: earlier == "" && later == "", Cut: len(earlier) > maxCompared || len(later) > maxCompared}
	all := diffAll(clip(earlier, maxCompared), clip(later, maxCompared))
	var rows []sideRow
	for i := 0; i < len(all); {
		if all[i].Mark == "" {
			rows = append(rows, sideRow{Earlier: all[i].Text, Later: all[i].Text})
			i++
			continue
		}
		var removed, added []string
		for ; i < len(all) && all[i].Mark != ""; i++ {
			if all[i].Mark == "-" {
				removed = append(removed, all[i].Text)
			} else {
				added = append(added, all[i].Text)
			}
		}
		for n := range max(len(removed), len(added)) {
			r := sideRow{Removed: n < len(removed), Added: n < len(added)}
			if r.Removed {
				r.Earlier = removed[n]
			}
			if r.Added {
				r.Later = added[n]
			}
			rows = append(rows, r)
			v.Differs++
		}
	}
	v.Rows = skipAlike(rows)
	return v
}

// skipAlike leaves out the lines that are alike and far from a difference. Without a difference it leaves out none: they are
// folded away as a whole.
func skipAlike(rows []sideRow) []sideRow {
	near := make([]bool, len(rows))
	any := false
	for i, r := range rows {
		if r.Same() {
			continue
		}
		any = true
		for k := max(i-sideContext, 0); k < min(i+sideContext+1, len(rows)); k++ {
			near[k] = true
		}
	}
	if !any {
		return rows
	}
	var out []sideRow
	for i := 0; i < len(rows); {
		if near[i] {
			out = append(out, rows[i])
			i++
			continue
		}
		from := i
		for i < len(rows) && !near[i] {
			i++
		}
		if i-from <= 2 {
			out = append(out, rows[from:i]...) // telling of them would take as much room
		} else {
			out = append(out, sideRow{Skipped: i - from})
		}
	}
	return out
}

// bodyText is a body as text to compare.
func bodyText(b []byte, header []exchange.Field) string {
	v := showBody(b, headerValue(header, "Content-Type"), false, int64(len(b)))
	return cmp.Or(v.Pretty, v.Raw, v.Hex)
}

// logCompare leads from two attempts that were selected in the log to their comparison.
func (d *Dashboard) logCompare(_ context.Context, q *request) (answer, error) {
	list := q.URL.Query()["attempt"]
	if len(list) != 2 {
		return answer{}, problem.New(problem.Invalid, "two attempts are compared, and %d were selected", len(list))
	}
	return answer{to: q.path("log", list[0], "compare", list[1])}, nil
}

// comparePage shows two attempts side by side. Without the second one it finds one that is worth comparing: the last that was
// delivered before.
func (d *Dashboard) comparePage(ctx context.Context, q *request) (answer, error) {
	a, err := d.attempt(ctx, q)
	if err != nil {
		return answer{}, err
	}
	v := compareView{Of: d.showAttempt(a)}
	preset, others, err := d.counterparts(ctx, q, a)
	if err != nil {
		return answer{}, err
	}
	other := q.PathValue("other")
	if other == "" || other == v.Of.PublicID {
		if preset != nil {
			return answer{to: q.path("log", v.Of.PublicID, "compare", preset.ID.Public(event.AttemptPrefix))}, nil
		}
		return answer{page: "compare", title: "Compare", section: "log", data: v}, nil
	}
	b, err := d.attemptOf(ctx, q, other)
	if err != nil {
		return answer{}, err
	}
	for _, o := range others {
		if o.ID != b.ID {
			v.Others = append(v.Others, d.showAttempt(o))
		}
	}
	if b.ID < a.ID {
		a, b = b, a
	}
	v.compare(d, a, b)
	return answer{page: "compare", title: "Compare two attempts", section: "log", data: v}, nil
}

// counterparts returns attempts that one can be compared with: all others of its delivery, and the last that were delivered to
// the webhook before, of the same type. preset is the one that tells most; nil: there is none.
func (d *Dashboard) counterparts(ctx context.Context, q *request, a *delivery.Attempt) (preset *delivery.Attempt, list []*delivery.Attempt, err error) {
	leave, err := d.Searches.Enter(ctx, q.who.Tenant)
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	const few = 4
	same, _, err := d.Ledger.Attempts(ctx, delivery.LogQuery{Tenant: q.who.Tenant, Event: a.Event, Webhook: a.Webhook, Limit: 50})
	if err != nil {
		return nil, nil, fmt.Errorf("reading the attempts of a delivery: %w", err)
	}
	good, _, err := d.Ledger.Attempts(ctx, delivery.LogQuery{
		Tenant: q.who.Tenant, Webhook: a.Webhook, EventType: a.EventType, Outcomes: []delivery.Outcome{delivery.Delivered}, Before: a.ID, Limit: few,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("looking for what was delivered before: %w", err)
	}
	same = slices.DeleteFunc(same, func(o *delivery.Attempt) bool { return o.ID == a.ID })
	good = slices.DeleteFunc(good, func(o *delivery.Attempt) bool { return o.Event == a.Event })
	list = append(slices.Clone(same), good...)
	switch at := slices.IndexFunc(same, func(o *delivery.Attempt) bool { return o.Outcome == delivery.Delivered }); {
	case a.Outcome != delivery.Delivered && len(good) > 0:
		preset = good[0]
	case a.Outcome != delivery.Delivered && at >= 0:
		preset = same[at]
	case len(list) > 0:
		preset = list[0]
	}
	return preset, list, nil
}

// compare fills the page.
func (v *compareView) compare(d *Dashboard, a, b *delivery.Attempt) {
	show := func(a *delivery.Attempt) *comparedView {
		return &comparedView{d.showAttempt(a), cmp.Or(a.EventName, a.Event.Public(event.EventPrefix))}
	}
	v.Earlier, v.Later = show(a), show(b)
	v.SameDelivery, v.SameURL = a.Delivery() == b.Delivery(), a.Request.URL == b.Request.URL && a.Request.Method == b.Request.Method
	differ := func(format string, args ...any) { v.Differences = append(v.Differences, fmt.Sprintf(format, args...)) }

	if x, y := v.Earlier.Answer, v.Later.Answer; x != y {
		differ("The answer: %s, then %s.", x, y)
	}
	if !v.SameURL {
		differ("The requests went to different addresses.")
	}
	v.RequestHead = compareHeads(a.Request.Header, b.Request.Header)
	if n := differing(v.RequestHead); n > 0 {
		differ("The request's head, in %s.", counting(n, "field"))
	}
	switch {
	case a.Request.BodyMissing == "" && b.Request.BodyMissing == "":
		v.RequestBody = compareTexts(bodyText(a.Request.Body, a.Request.Header), bodyText(b.Request.Body, b.Request.Header))
		if v.RequestBody.Differs > 0 {
			differ("The request's body, in %s.", counting(v.RequestBody.Differs, "line"))
		}
	default:
		for _, why := range []string{a.Request.BodyMissing, b.Request.BodyMissing} {
			if why != "" && !slices.Contains(v.MissingBodies, sentence(why)) {
				v.MissingBodies = append(v.MissingBodies, sentence(why))
			}
		}
	}
	var none exchange.Response
	x, y := cmp.Or(a.Response, &none), cmp.Or(b.Response, &none)
	v.AnswerHead = compareHeads(x.Header, y.Header)
	if n := differing(v.AnswerHead); n > 0 && a.Response != nil && b.Response != nil {
		differ("The answer's head, in %s.", counting(n, "field"))
	}
	v.AnswerBody = compareTexts(bodyText(x.Body, x.Header), bodyText(y.Body, y.Header))
	v.AnswerBody.Cut = v.AnswerBody.Cut || x.Truncated || y.Truncated
	if v.AnswerBody.Differs > 0 {
		differ("The answer's body, in %s.", counting(v.AnswerBody.Differs, "line"))
	}
	v.times(a, b)
}

func differing(list []comparedField) (n int) {
	for _, f := range list {
		if f.Differs() {
			n++
		}
	}
	return n
}

// counting writes a number with its noun.
func counting(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return chart.Exact(int64(n)) + " " + noun + "s"
}

// times puts the parts of the time beside each other, with bars of one scale.
func (v *compareView) times(a, b *delivery.Attempt) {
	parts := func(t exchange.Timing) [5]time.Duration {
		return [...]time.Duration{t.DNS, t.Connect, t.TLS, t.FirstByte, max(t.Total-t.DNS-t.Connect-t.TLS-t.FirstByte, 0)}
	}
	x, y := parts(a.Timing), parts(b.Timing)
	for i, p := range []phase{{Class: "dns", Name: "Name looked up"}, {Class: "connect", Name: "Connected"}, {Class: "tls", Name: "TLS"}, {Class: "first", Name: "First byte"}, {Class: "rest", Name: "Rest"}} {
		if x[i] > 0 || y[i] > 0 {
			v.Phases = append(v.Phases, comparedPhase{p.Class, p.Name, x[i], y[i]})
		}
	}
	longest := max(a.Timing.Total, b.Timing.Total)
	for _, one := range []*comparedView{v.Earlier, v.Later} {
		var line []chart.Part
		for _, p := range one.Phases {
			line = append(line, chart.Part{Class: "t-" + p.Class, Size: float64(p.Took)})
		}
		if rest := longest - one.Timing.Total; rest > 0 && len(line) > 0 {
			line = append(line, chart.Part{Class: "t-none", Size: float64(rest)})
		}
		one.Bars = chart.Line(line)
	}
	v.Phases = append(v.Phases, comparedPhase{"", "In all", a.Timing.Total, b.Timing.Total})
}

// Both are the two attempts, the earlier one first.
func (v compareView) Both() []*comparedView { return []*comparedView{v.Earlier, v.Later} }
