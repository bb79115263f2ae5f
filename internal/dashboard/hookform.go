package dashboard

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// hookForm is the form by which webhooks are added and edited: what was typed, and what is wrong with it.
type hookForm struct {
	ID      string // empty: a new one
	Version string // what the form was made from
	Changed bool   // somebody else has saved meanwhile
	Paused  bool   // a new one begins paused

	URL, Description       string
	Types                  []typeChoice
	Patterns               string // entries of events that are no type of the catalogue, a line each
	Filter, Transform      string
	hasFilter              bool // the form was sent with them, which it lacks where they cannot be changed
	hasTransform           bool
	narrow                 bool // not all types can be chosen
	Format, Signature      string
	Timeout                string
	Attempts, MaxAge       string
	FirstWait, LongestWait string
	Preset                 string
	PerSecond, Concurrency string
	Ordered                bool

	Formats, Signatures []choice

	Wrong map[string]string // by field
	Other []string          // what is wrong with something that the form does not show
	More  bool              // the part with everything else is open
}

// choice is an entry of a select.
type choice struct{ Value, Name string }

// typeChoice is a checkbox of the list of events.
type typeChoice struct {
	Name, Description string
	Checked           bool
}

var formats = []choice{
	{format.Relay, "Relay: version, event, timestamp, webhookId, data"},
	{format.Push, "Push events"},
	{format.CloudEvents, "CloudEvents 1.0, structured"},
	{format.CloudEventsBinary, "CloudEvents 1.0, binary"},
	{format.Raw, "Raw: the data as it was published"},
}

var signatures = []choice{
	{string(webhook.SignRelay), "X-Relay-Signature"}, {string(webhook.SignStandard), "Standard Webhooks"}, {string(webhook.SignBoth), "Both"},
	{"svix", "As Svix signs"}, {"github", "As GitHub signs"}, {"stripe", "As Stripe signs"}, {string(webhook.SignNone), "None"},
}

// custom is offered only to webhooks that have a signature with no other name.
var custom = choice{webhook.SignCustom, "Its own, set by the API"}

// labelOf returns the name of the entry with the value, and the value itself where there is none.
func labelOf(list []choice, value string) string {
	for _, c := range list {
		if c.Value == value {
			return c.Name
		}
	}
	return value
}

// offer completes the lists that the form chooses from.
func (f *hookForm) offer() {
	f.Formats, f.Signatures = formats, signatures
	if f.Signature == custom.Value {
		f.Signatures = append(slices.Clone(signatures), custom)
	}
}

// fill shows settings in the form.
func (f *hookForm) fill(s *webhook.Settings, types []*catalogue.Type) {
	f.URL, f.Description = s.URL, s.Description
	f.Filter, f.Transform, f.Format, f.Signature = s.Filter, s.Transform, s.Format, s.SignatureName()
	f.Timeout = short(s.Timeout)
	f.Preset = s.Retry.Preset
	f.Attempts, f.MaxAge = strconv.Itoa(s.Retry.Attempts), short(s.Retry.MaxAge)
	f.FirstWait, f.LongestWait = short(s.Retry.InitialWait), short(s.Retry.MaxWait)
	if s.RateLimit != nil {
		f.PerSecond = strconv.FormatFloat(s.RateLimit.PerSecond, 'f', -1, 64)
	}
	if s.MaxConcurrency > 0 {
		f.Concurrency = strconv.Itoa(s.MaxConcurrency)
	}
	f.Ordered = s.Ordering == webhook.OrderingFIFO
	f.choose(s.Events, types)
	f.offer()
	def := webhook.Default()
	f.More = s.Filter != "" || s.Transform != "" || s.Format != def.Format || s.SignatureName() != def.SignatureName() || s.Timeout != def.Timeout ||
		s.Retry.Preset != def.Retry.Preset || s.RateLimit != nil || s.MaxConcurrency != 0 || f.Ordered
}

// choose offers the types of the catalogue, and checks those that the webhook names. "*" is the first of them.
func (f *hookForm) choose(events []string, types []*catalogue.Type) {
	f.Types = nil
	if all := slices.Contains(events, "*"); all || !f.narrow {
		f.Types = []typeChoice{{Name: "*", Description: "Every event, also of types that are added later", Checked: all}}
	}
	var others []string
	for _, t := range types {
		checked := slices.Contains(events, t.Name)
		if t.Archived && !checked {
			continue
		}
		f.Types = append(f.Types, typeChoice{t.Name, firstSentence(t.Description), checked})
	}
	for _, e := range events {
		if !slices.ContainsFunc(f.Types, func(c typeChoice) bool { return c.Name == e }) {
			others = append(others, e)
		}
	}
	f.Patterns = strings.Join(others, "\n")
}

func firstSentence(s string) string {
	if i := strings.Index(s, ". "); i > 0 {
		s = s[:i+1]
	}
	return clip(s, 160)
}

// short writes a duration as people type it: "10s", "1h30m".
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// read takes what was typed, so that it is shown again if something is wrong with it.
func (f *hookForm) read(q *request, types []*catalogue.Type) {
	f.URL, f.Description = q.value("url"), q.value("description")
	f.hasFilter, f.hasTransform = q.form.Has("filter"), q.form.Has("transform")
	f.Filter, f.Transform, f.Format, f.Signature = q.value("filter"), q.value("transform"), q.value("format"), q.value("signature")
	f.Timeout, f.Preset = q.value("timeout"), q.value("preset")
	f.Attempts, f.MaxAge, f.FirstWait, f.LongestWait = q.value("attempts"), q.value("maxAge"), q.value("firstWait"), q.value("longestWait")
	f.PerSecond, f.Concurrency, f.Ordered = q.value("perSecond"), q.value("concurrency"), q.value("ordered") != ""
	f.Version, f.Paused = q.value("version"), q.value("paused") != ""
	f.choose(append(slices.Clone(q.form["events"]), strings.Fields(q.value("patterns"))...), types)
	f.offer()
	f.Wrong = map[string]string{}
}

// events returns the entries that were chosen.
func (f *hookForm) events() []string {
	var list []string
	for _, t := range f.Types {
		if t.Checked {
			list = append(list, t.Name)
		}
	}
	return append(list, strings.Fields(f.Patterns)...)
}

// apply changes settings as the form asks. What cannot be read at all is noted in Wrong; the rest is for the domain to
// judge.
func (f *hookForm) apply(s *webhook.Settings) {
	s.URL, s.Description, s.Events = f.URL, f.Description, f.events()
	s.Format = f.Format
	if f.hasFilter {
		s.Filter = f.Filter
	}
	if f.hasTransform {
		s.Transform = f.Transform
	}
	if f.Signature != s.SignatureName() { // one that has no name stays as it is
		s.SetSignature(f.Signature)
	}
	s.Timeout = f.duration("timeout", f.Timeout)
	f.applyRetry(&s.Retry)
	switch perSecond := f.decimal("perSecond", f.PerSecond); {
	case f.PerSecond == "":
		s.RateLimit = nil
	case s.RateLimit == nil || s.RateLimit.PerSecond != perSecond:
		s.RateLimit = &webhook.RateLimit{PerSecond: perSecond}
	}
	s.MaxConcurrency = f.whole("concurrency", f.Concurrency)
	s.Ordering = webhook.OrderingNone
	if f.Ordered {
		s.Ordering = webhook.OrderingFIFO
	}
}

func (f *hookForm) applyRetry(r *webhook.Retry) {
	if f.Preset != "" {
		*r = webhook.Retry{Preset: f.Preset}
		return
	}
	waits := r.Waits
	if first := f.duration("firstWait", f.FirstWait); first != r.InitialWait {
		r.InitialWait, waits = first, nil
	}
	if r.Preset != "" || waits == nil {
		// The waits of a preset are its own. Doubling is what people expect of one they make themselves.
		if waits = nil; r.Factor == 0 || r.Preset != "" {
			r.Factor = 2
		}
		if len(r.RetryOn) == 0 {
			r.RetryOn = webhook.RelayRetry().RetryOn
		}
	}
	r.Preset, r.Waits = "", waits
	r.Attempts = f.whole("attempts", f.Attempts)
	r.MaxAge, r.MaxWait = f.duration("maxAge", f.MaxAge), f.duration("longestWait", f.LongestWait)
}

func (f *hookForm) duration(field, text string) time.Duration {
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		f.Wrong[field] = "must be a duration such as 30s, 5m or 24h"
	}
	return d
}

func (f *hookForm) whole(field, text string) int {
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		f.Wrong[field] = "must be a whole number"
	}
	return n
}

func (f *hookForm) decimal(field, text string) float64 {
	if text == "" {
		return 0
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		f.Wrong[field] = "must be a number"
	}
	return x
}

// fields maps the domain's names of fields to those of the form.
var fields = map[string]string{
	"retry.attempts": "attempts", "retry.maxAge": "maxAge", "retry.maxWait": "longestWait", "retry.initialWait": "firstWait",
	"rateLimit.perSecond": "perSecond", "maxConcurrency": "concurrency",
}

// refuse notes what a problem says about fields; it returns an error that says nothing about them.
func (f *hookForm) refuse(err error) error {
	p := asProblem(err)
	if p.Kind != problem.Invalid && p.Kind != problem.Malformed {
		return err
	}
	if len(p.Fields) == 0 {
		f.Other = append(f.Other, sentence(p.Detail))
	}
	shown := []string{"url", "description", "events", "filter", "transform", "format", "signature", "timeout", "attempts", "maxAge", "firstWait", "longestWait", "perSecond", "concurrency"}
	for _, field := range p.Fields {
		name := field.Name
		if to := fields[name]; to != "" {
			name = to
		}
		if strings.HasPrefix(name, "events[") {
			name = "events"
		}
		if slices.Contains(shown, name) {
			f.Wrong[name] = field.Reason
			f.More = f.More || !slices.Contains([]string{"url", "description", "events"}, name)
		} else {
			f.Other = append(f.Other, sentence(field.Name+" "+field.Reason))
		}
	}
	return nil
}

// answer shows the form again.
func (f *hookForm) answer(status int) answer {
	a := answer{page: "webhook-form", title: "Add webhook", section: "webhooks", data: f, status: status}
	if f.ID != "" {
		a.title = "Edit webhook"
	}
	return a
}

func (d *Dashboard) webhookNew(_ context.Context, q *request) (answer, error) {
	s := webhook.Default()
	s.Events = nil // to be chosen
	f := hookForm{narrow: d.narrow}
	f.fill(&s, d.Types.List(q.who.Tenant))
	f.More = false
	return f.answer(0), nil
}

func (d *Dashboard) webhookCreate(ctx context.Context, q *request) (answer, error) {
	f := hookForm{narrow: d.narrow}
	f.read(q, d.Types.List(q.who.Tenant))
	s := webhook.Default()
	f.apply(&s)
	if len(s.Events) == 0 {
		f.Wrong["events"] = "must name at least one: check the events that the endpoint should get"
	}
	if len(f.Wrong) > 0 {
		f.More = true
		return f.answer(422), nil
	}
	w, err := d.Webhooks.Create(ctx, q.who, s, "")
	if err != nil {
		return f.answer(422), f.refuse(err)
	}
	if f.Paused {
		// Between the two an event may be queued, which waits until the webhook is resumed.
		if w, err = d.Webhooks.Pause(ctx, q.who, w.ID); err != nil {
			return answer{}, err
		}
	}
	if !q.who.Allows(access.RotateSecrets) { // a portal without secrets: somebody else gives it to the endpoint
		return answer{to: q.path("webhooks", w.ID)}, nil
	}
	return answer{page: "secret", title: "Webhook created", section: "webhooks", data: secretView{Webhook: w, Created: true}, secret: true, address: q.path("webhooks", w.ID)}, nil
}

func (d *Dashboard) webhookEdit(_ context.Context, q *request) (answer, error) {
	w, err := d.hook(q)
	if err != nil {
		return answer{}, err
	}
	f := hookForm{narrow: d.narrow, ID: w.ID, Version: strconv.FormatInt(w.Version, 10)}
	f.fill(&w.Settings, d.Types.List(q.who.Tenant))
	return f.answer(0), nil
}

// errMeanwhile stops a change of a webhook that somebody else has changed since the form was made.
var errMeanwhile = problem.New(problem.Conflict, "somebody else has changed this webhook since you opened the form")

// updateFrom changes a webhook, or returns errMeanwhile if its version is not the one that the form was made from.
func (d *Dashboard) updateFrom(ctx context.Context, q *request, id, version string, apply func(*webhook.Settings)) error {
	_, err := d.Webhooks.Update(ctx, q.who, id, func(s *webhook.Settings) error {
		now, err := d.Webhooks.Get(q.who.Tenant, id)
		if err != nil {
			return err
		}
		if strconv.FormatInt(now.Version, 10) != version {
			return errMeanwhile
		}
		apply(s)
		return nil
	})
	return err
}

func (d *Dashboard) webhookSave(ctx context.Context, q *request) (answer, error) {
	w, err := d.hook(q)
	if err != nil {
		return answer{}, err
	}
	f := hookForm{narrow: d.narrow, ID: w.ID}
	f.read(q, d.Types.List(q.who.Tenant))
	trial := w.Settings
	if f.apply(&trial); len(f.Wrong) > 0 {
		f.More = true
		return f.answer(422), nil
	}
	err = d.updateFrom(ctx, q, w.ID, f.Version, f.apply)
	switch {
	case err == nil:
		return answer{to: q.path("webhooks", w.ID)}, nil
	case problem.KindOf(err) == problem.Conflict:
		now, err := d.Webhooks.Get(q.who.Tenant, w.ID)
		if err != nil {
			return answer{}, err
		}
		f.Changed, f.Version = true, strconv.FormatInt(now.Version, 10)
		f.Other = append(f.Other, differences(&now.Settings, &f)...)
		return f.answer(409), nil
	}
	return f.answer(422), f.refuse(err)
}

// differences says how the stored settings differ from the form.
func differences(s *webhook.Settings, f *hookForm) []string {
	stored := hookForm{}
	stored.fill(s, nil)
	var list []string
	for _, c := range []struct{ name, there, here string }{
		{"URL", stored.URL, f.URL}, {"Description", stored.Description, f.Description},
		{"Events", strings.Join(s.Events, ", "), strings.Join(f.events(), ", ")},
		{"Filter", shownIf(f.hasFilter, stored.Filter), f.Filter}, {"Transform", shownIf(f.hasTransform, stored.Transform), f.Transform}, {"Format", stored.Format, f.Format},
		{"Signature", stored.Signature, f.Signature}, {"Timeout", stored.Timeout, f.Timeout}, {"Attempts", stored.Attempts, f.Attempts},
		{"First wait", stored.FirstWait, f.FirstWait}, {"Longest wait", stored.LongestWait, f.LongestWait}, {"Maximum age", stored.MaxAge, f.MaxAge},
		{"Requests per second", stored.PerSecond, f.PerSecond}, {"Concurrency", stored.Concurrency, f.Concurrency},
	} {
		if c.there != c.here {
			list = append(list, fmt.Sprintf("%s is now %q; you have %q.", c.name, clip(c.there, 200), clip(c.here, 200)))
		}
	}
	return list
}

// shownIf returns the text if the form has its field.
func shownIf(has bool, text string) string {
	if has {
		return text
	}
	return ""
}
