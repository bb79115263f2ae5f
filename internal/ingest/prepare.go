package ingest

import (
	"context"
	"fmt"
	"strings"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/problem"
)

const (
	// maxDerived and maxDerivedBytes bound the events derived from all events of a
	// publication together. One event is bounded by the catalogue; an array of
	// a thousand such would still be a million events in one commit.
	maxDerived      = 10_000
	maxDerivedBytes = 32 << 20
	// maxWarningBytes bounds the warnings kept beside an event.
	maxWarningBytes = 8 << 10
)

// prepare holds the publication's events against the catalogue: it puts their
// types' names right, refuses what must be refused, notes what is odd, and adds
// what follows from them. Errors are *problem.Error and name the field; the
// publication's items can be published again then.
func (i *Ingester) prepare(ctx context.Context, p *Publication) error {
	if p.Operational || i.types == nil {
		return nil
	}
	pr := preparer{view: i.types.View(p.Tenant), pub: p}
	defer func() { pr.work.End() }()
	for n := range p.Items {
		if err := pr.item(ctx, n); err != nil {
			return err
		}
	}
	if pr.out != nil {
		p.Items = pr.out
	}
	return nil
}

// preparer prepares one publication.
type preparer struct {
	view           catalogue.View
	pub            *Publication
	work           *catalogue.Work // nil while everything is plain
	out            []Item          // nil while nothing was derived
	derived, bytes int
}

// field returns the path of a part of an item for errors.
func (pr *preparer) field(n int, name string) string {
	if !pr.pub.Array {
		return name
	}
	return fmt.Sprintf("[%d].%s", n, name)
}

func (pr *preparer) item(ctx context.Context, n int) error {
	it := &pr.pub.Items[n]
	e := &it.Event
	if strings.HasPrefix(e.Type, event.OperationalPrefix) {
		return problem.InvalidField(pr.field(n, "type"), "must not begin with %q: Relay itself publishes those", event.OperationalPrefix)
	}
	plan := pr.view.Plan(e.Type)
	if plan == nil {
		if pr.out != nil {
			pr.out = append(pr.out, *it)
		}
		return nil
	}
	if plan.Name != "" {
		e.Type = plan.Name
	}
	e.Warnings = ""
	var odd []catalogue.Violation
	if !plan.Fits(e) {
		var refuse bool
		var err error
		work := pr.metered(ctx)
		if work.Aside(func() { odd, refuse, err = plan.Check(work, e) }); err != nil {
			return err
		}
		if refuse {
			return pr.refusal(n, odd)
		}
	}
	var follows catalogue.Derivation
	if plan.Derives {
		e.Tenant = pr.pub.Tenant
		var err error
		work := pr.metered(ctx)
		if work.Aside(func() { follows, err = pr.view.Derive(ctx, work, e) }); err != nil {
			return err
		}
		odd = append(odd, follows.Failures...)
	}
	if e.Version == "" { // after Derive: derived events are of another type, which has versions of its own
		e.Version = plan.Version
	}
	if len(follows.Before)+len(follows.After) == 0 {
		e.Warnings = warnings(odd)
		if pr.out != nil {
			pr.out = append(pr.out, *it)
		}
		return nil
	}
	return pr.follow(ctx, n, &follows, odd)
}

// metered returns the budget of what takes more than a look.
func (pr *preparer) metered(ctx context.Context) *catalogue.Work {
	if pr.work == nil {
		pr.work = pr.view.Work(ctx)
		if pr.pub.NoWait {
			pr.work.Hurry()
		}
	}
	return pr.work
}

// refusal is the problem of an event that violates the schema of a strict type.
func (pr *preparer) refusal(n int, odd []catalogue.Violation) error {
	err := &problem.Error{Kind: problem.Invalid, Detail: fmt.Sprintf("the event is not as the catalogue describes %s", clip([]byte(pr.pub.Items[n].Event.Type)))}
	for _, v := range odd {
		err.Fields = append(err.Fields, problem.Field{Name: pr.field(n, v.Path), Reason: v.Message})
	}
	return err
}

// follow adds an item with the events derived from it.
func (pr *preparer) follow(ctx context.Context, n int, d *catalogue.Derivation, odd []catalogue.Violation) error {
	if pr.out == nil {
		pr.out = make([]Item, 0, len(pr.pub.Items)+len(d.Before)+len(d.After))
		pr.out = append(pr.out, pr.pub.Items[:n]...)
	}
	// A derived event that its own type refuses is left out, with what follows
	// from it; the published one, which is as it should be, is not held up.
	noted := make(map[*catalogue.Derived]string, len(d.Before)+len(d.After))
	left := make(map[*catalogue.Derived]bool)
	for _, list := range [2][]*catalogue.Derived{d.Before, d.After} {
		for _, x := range list {
			plan := pr.view.Plan(x.Event.Type)
			if plan == nil {
				continue
			}
			if plan.Name != "" {
				x.Event.Type = plan.Name
			}
			if x.Event.Version == "" {
				x.Event.Version = plan.Version
			}
			if plan.Fits(&x.Event) {
				continue
			}
			var bad []catalogue.Violation
			var refuse bool
			var err error
			work := pr.metered(ctx)
			if work.Aside(func() { bad, refuse, err = plan.Check(work, &x.Event) }); err != nil {
				return err
			}
			if refuse {
				left[x] = true
				odd = append(odd, catalogue.Violation{Path: "rule " + x.Rule, Message: fmt.Sprintf("makes an event that its type %s refuses: %s", x.Event.Type, bad[0])})
				continue
			}
			noted[x] = warnings(bad)
		}
	}
	kept := func(list []*catalogue.Derived) []*catalogue.Derived {
		if len(left) == 0 {
			return list
		}
		var out []*catalogue.Derived
		for _, x := range list {
			gone := false
			for y := x; y != nil; y = y.Cause {
				gone = gone || left[y]
			}
			if !gone {
				out = append(out, x)
			}
		}
		return out
	}
	before, after := kept(d.Before), kept(d.After)

	root := int32(len(pr.out) + len(before))
	place := make(map[*catalogue.Derived]int32, len(before)+len(after))
	for k, x := range before {
		place[x] = int32(len(pr.out) + k)
	}
	for k, x := range after {
		place[x] = root + 1 + int32(k)
	}
	add := func(x *catalogue.Derived) {
		cause := root
		if x.Cause != nil {
			cause = place[x.Cause]
		}
		own := place[x]
		x.Event.Warnings = noted[x]
		pr.derived++
		pr.bytes += len(x.Event.Data) + len(x.Event.Attributes)
		pr.out = append(pr.out, Item{Event: x.Event, Cause: cause - own, Root: root - own})
	}
	for _, x := range before {
		add(x)
	}
	it := pr.pub.Items[n]
	it.Event.Warnings = warnings(odd)
	pr.out = append(pr.out, it)
	for _, x := range after {
		add(x)
	}
	if pr.derived > maxDerived || pr.bytes > maxDerivedBytes {
		return problem.New(problem.TooLarge, "the events of one request must not derive more than %d events or %d bytes: send fewer at a time", maxDerived, maxDerivedBytes)
	}
	return nil
}

// warnings writes the oddities of an event as Event.Warnings has them.
func warnings(list []catalogue.Violation) string {
	if len(list) == 0 {
		return ""
	}
	b := []byte{'['}
	for _, v := range list {
		if len(b)+len(v.Path)+len(v.Message) > maxWarningBytes {
			break
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = rawjson.AppendQuoted(append(b, `{"path":`...), v.Path)
		b = rawjson.AppendQuoted(append(b, `,"message":`...), v.Message)
		b = append(b, '}')
	}
	return string(append(b, ']'))
}
