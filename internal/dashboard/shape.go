package dashboard

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// shapeView is the page on which the filter, the transform and the format of a webhook are written and tried. Nothing is
// sent from it, and nothing is stored before Save.
type shapeView struct {
	*webhook.Webhook
	Version                   string // what the page was made from
	Meanwhile                 bool   // somebody else has saved since
	Filter, Transform, Format string // as typed
	Formats                   []choice
	Wrong                     map[string]string
	Excerpt                   string // the line of the transform that Wrong is about

	Samples      []choice // events to try on
	Sample, Data string   // which one, and the data that was typed
	Periods      []choice // of a back-test
	Period       string

	Tried *triedView
	Test  *backTestView
	Saves *saveView
}

// triedView is what would become of an event.
type triedView struct {
	Verdict state
	Detail  string
	Line    string // of the transform, where it failed
	Type    string
	Request *requestView
}

// requestView is a request that would be sent.
type requestView struct {
	Method, URL string
	Header      []headerView
	Body        *body
}

type headerView struct{ Name, Value string }

// saveView shows what a change would change, before it is made.
type saveView struct {
	Filter, Transform []diffLine
	Format            string // "relay → push"; empty: it stays
}

// Same reports whether nothing would change.
func (v *saveView) Same() bool {
	return len(v.Filter) == 0 && len(v.Transform) == 0 && v.Format == ""
}

// typedSample is the choice of an event whose data the person types; exampleSample comes before the name of a type.
const (
	typedSample   = "typed"
	exampleSample = "example:"
)

const (
	// maxSamples bounds the past events that a page offers to try on, and sampleScan those that are looked at for them.
	maxSamples = 15
	sampleScan = 250
)

func (d *Dashboard) shapePage(ctx context.Context, q *request) (answer, error) {
	w, err := d.hook(q)
	if err != nil {
		return answer{}, err
	}
	v := shapeView{Webhook: w, Version: strconv.FormatInt(w.Version, 10), Filter: w.Filter, Transform: w.Transform, Format: w.Format}
	return d.showShape(ctx, q, &v, "")
}

// showShape completes the page; block is the part of it that is the answer to htmx.
func (d *Dashboard) showShape(ctx context.Context, q *request, v *shapeView, block string) (answer, error) {
	v.Formats, v.Periods, v.Period = formats, backTestPeriods, cmp.Or(v.Period, backTestPeriods[1].Value)
	if block == "" || !q.part {
		var err error
		if v.Samples, err = d.samples(ctx, q, v.Webhook); err != nil {
			return answer{}, err
		}
	}
	a := answer{page: "shape", title: "Filter and transform", section: "webhooks", data: v, block: block}
	if len(v.Wrong) > 0 {
		a.status = 422
	}
	return a, nil
}

// readShape takes what was typed. Without a draft, v.Wrong says why.
func (d *Dashboard) readShape(ctx context.Context, q *request) (v *shapeView, draft *webhook.Webhook, err error) {
	w, err := d.hook(q)
	if err != nil {
		return nil, nil, err
	}
	v = &shapeView{
		Webhook: w, Version: q.value("version"), Filter: q.value("filter"), Transform: q.value("transform"), Format: q.value("format"),
		Sample: q.value("sample"), Data: q.value("data"), Period: q.value("period"), Wrong: make(map[string]string),
	}
	draft, err = d.Webhooks.Draft(ctx, w, v.apply)
	if err != nil {
		return v, nil, v.refuse(err)
	}
	return v, draft, nil
}

func (v *shapeView) apply(s *webhook.Settings) {
	s.Filter, s.Transform, s.Format = v.Filter, v.Transform, cmp.Or(v.Format, format.Relay)
}

// atLine finds the line that a message of the script engine is about.
var atLine = regexp.MustCompile(`\bline (\d+)`)

// refuse notes what a problem says about fields; it returns an error that says nothing about them.
func (v *shapeView) refuse(err error) error {
	p := asProblem(err)
	if len(p.Fields) == 0 {
		return err
	}
	for _, f := range p.Fields {
		v.Wrong[f.Name] = f.Reason
	}
	if m := atLine.FindStringSubmatch(v.Wrong["transform"]); m != nil {
		v.Excerpt = v.scriptLine(number(m[1]))
	}
	return nil
}

// scriptLine returns a line of the transform with its number; empty: there is none.
func (v *shapeView) scriptLine(n int) string {
	lines := strings.Split(v.Transform, "\n")
	if n < 1 || n > len(lines) {
		return ""
	}
	return fmt.Sprintf("%d  %s", n, clip(lines[n-1], 200))
}

// samples offers the latest events of the types that the webhook asks for, and the catalogue's examples of them.
func (d *Dashboard) samples(ctx context.Context, q *request, w *webhook.Webhook) ([]choice, error) {
	list, _, err := d.Events.EventList(ctx, ingest.Query{Tenant: q.who.Tenant, Limit: sampleScan})
	if err != nil {
		return nil, fmt.Errorf("listing events: %w", err)
	}
	var out []choice
	for i := range list {
		e := &list[i]
		if w.Wants(e.Type) && !event.IsInternal(e.Type) && len(out) < maxSamples {
			out = append(out, choice{e.PublicID(), fmt.Sprintf("%s, %s, %s", e.Type, e.ID.Time().UTC().Format("2 Jan 15:04:05 UTC"), clip(e.PublicID(), 40))})
		}
	}
	for _, t := range d.Types.List(q.who.Tenant) {
		if !t.Archived && w.Wants(t.Name) && len(out) < 2*maxSamples {
			out = append(out, choice{exampleSample + t.Name, "the example of " + t.Name})
		}
	}
	return append(out, choice{typedSample, "data that I type"}), nil
}

// sample returns the event to try on. Without a choice it is the first that the page offers.
func (d *Dashboard) sample(ctx context.Context, q *request, v *shapeView) (*event.Event, error) {
	which := v.Sample
	if which == "" {
		list, err := d.samples(ctx, q, v.Webhook)
		if err != nil {
			return nil, err
		}
		which = list[0].Value
	}
	if which != typedSample && !strings.HasPrefix(which, exampleSample) {
		return d.findEvent(ctx, q, which)
	}
	e, err := d.names.TestEvent(ctx, v.Webhook, strings.TrimPrefix(strings.TrimPrefix(which, typedSample), exampleSample))
	if err != nil {
		return nil, err
	}
	if which == typedSample {
		if err := rawjson.Check([]byte(v.Data), rawjson.Limits{}); err != nil {
			return nil, problem.InvalidField("data", "is not valid JSON: %v", err)
		}
		e.Data = []byte(v.Data)
	}
	e.ID = event.FirstID(d.now())
	return &e, nil
}

// shapeTry tells what would become of one event.
func (d *Dashboard) shapeTry(ctx context.Context, q *request) (answer, error) {
	v, draft, err := d.readShape(ctx, q)
	if err != nil {
		return answer{}, err
	}
	if draft != nil {
		e, err := d.sample(ctx, q, v)
		if err == nil {
			v.Tried, err = d.try(ctx, v, draft, e)
		}
		if err != nil {
			if err := v.refuse(err); err != nil {
				return answer{}, err
			}
		}
	}
	return d.showShape(ctx, q, v, "shape-result")
}

func (d *Dashboard) try(ctx context.Context, v *shapeView, draft *webhook.Webhook, e *event.Event) (*triedView, error) {
	list, err := d.Ledger.Preview(ctx, draft, []*event.Event{e})
	if err != nil {
		return nil, err
	}
	p := &list[0]
	t := &triedView{Detail: sentence(p.Detail), Type: e.Type, Verdict: verdictState(p.Verdict)}
	if p.Line > 0 {
		t.Line = v.scriptLine(p.Line)
	}
	if r := p.Request; r != nil {
		t.Request = &requestView{Method: r.Method, URL: r.URL, Body: showBody(r.Body, headerValue(r.Header, "Content-Type"), false, int64(len(r.Body)))}
		for _, f := range r.Header {
			t.Request.Header = append(t.Request.Header, headerView{f.Name, f.Value})
		}
	}
	return t, nil
}

// verdictState is a preview's verdict in a word.
func verdictState(p ledger.PreviewVerdict) state {
	switch p {
	case ledger.PreviewSend:
		return state{"ok", "sent", ""}
	case ledger.PreviewFilterError:
		return state{"warn", "filter undecided", ""}
	case ledger.PreviewTransformError:
		return state{"bad", "transform fails", ""}
	case ledger.PreviewDrop:
		return state{"", "dropped by the transform", ""}
	case ledger.PreviewType:
		return state{"", "type not wanted", ""}
	case ledger.PreviewNotTried:
		return state{"", "not tried", ""}
	}
	return state{"", "filtered out", ""}
}

// shapeSave shows what would change, and changes it once that is confirmed.
func (d *Dashboard) shapeSave(ctx context.Context, q *request) (answer, error) {
	v, draft, err := d.readShape(ctx, q)
	if err != nil {
		return answer{}, err
	}
	if draft == nil {
		return d.showShape(ctx, q, v, "shape-result")
	}
	if q.value("sure") == "" {
		v.Saves = v.difference()
		return d.showShape(ctx, q, v, "shape-result")
	}
	err = d.updateFrom(ctx, q, v.ID, v.Version, v.apply)
	switch {
	case err == nil:
		return answer{to: q.path("webhooks", v.ID)}, nil
	case problem.KindOf(err) == problem.Conflict:
		if v.Webhook, err = d.hook(q); err != nil {
			return answer{}, err
		}
		v.Meanwhile, v.Version, v.Saves = true, strconv.FormatInt(v.Webhook.Version, 10), v.difference()
		a, err := d.showShape(ctx, q, v, "shape-result")
		a.status = 409
		return a, err
	}
	if err := v.refuse(err); err != nil {
		return answer{}, err
	}
	return d.showShape(ctx, q, v, "shape-result")
}

// difference compares what was typed with the webhook as it is.
func (v *shapeView) difference() *saveView {
	s := &saveView{Filter: diffLines(v.Webhook.Filter, v.Filter), Transform: diffLines(v.Webhook.Transform, v.Transform)}
	if v.Format != v.Webhook.Format {
		s.Format = v.Webhook.Format + " → " + v.Format
	}
	return s
}

// A diffLine is a line of a comparison of two texts.
type diffLine struct {
	Mark string // "+", "-", or empty for a line that stays
	Text string
}

// Class colours the line.
func (l diffLine) Class() string {
	return map[string]string{"+": "added", "-": "removed"}[l.Mark]
}

// maxDiff bounds the comparison of the parts of two texts between what they begin and end with alike, in pairs of lines.
// What is longer is shown as removed and added whole.
const maxDiff = 1 << 20

// diffLines compares two texts line by line: a shortest list of lines to remove and to add, with up to two lines around
// each. It returns nil for texts that are equal.
func diffLines(before, after string) []diffLine {
	if before == after {
		return nil
	}
	all := diffAll(before, after)
	const around = 2
	var out []diffLine
	for i, l := range all {
		from, to := max(i-around, 0), min(i+around+1, len(all))
		if slices.ContainsFunc(all[from:to], func(l diffLine) bool { return l.Mark != "" }) {
			out = append(out, l)
		}
	}
	return out
}

// diffAll is diffLines with all lines.
func diffAll(before, after string) []diffLine {
	a, b := splitLines(before), splitLines(after)
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var all []diffLine
	for _, line := range a[:head] {
		all = append(all, diffLine{"", line})
	}
	all = append(all, diffMiddle(a[head:len(a)-tail], b[head:len(b)-tail])...)
	for _, line := range a[len(a)-tail:] {
		all = append(all, diffLine{"", line})
	}
	return all
}

func splitLines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// diffMiddle finds the longest common sequence of lines.
func diffMiddle(a, b []string) (out []diffLine) {
	if len(a)*len(b) > maxDiff {
		for _, line := range a {
			out = append(out, diffLine{"-", line})
		}
		for _, line := range b {
			out = append(out, diffLine{"+", line})
		}
		return out
	}
	// common[i][j] is the length of the longest common sequence of a[i:] and b[j:].
	common := make([][]int32, len(a)+1)
	for i := range common {
		common[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, diffLine{"", a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			out = append(out, diffLine{"-", a[i]})
			i++
		default:
			out = append(out, diffLine{"+", b[j]})
			j++
		}
	}
	return out
}

// past reads a duration that a form offers.
func past(text string, offered []choice) (time.Duration, error) {
	if !slices.ContainsFunc(offered, func(c choice) bool { return c.Value == text }) {
		return 0, problem.InvalidField("period", "must be one of the times that the form offers")
	}
	return time.ParseDuration(text)
}
