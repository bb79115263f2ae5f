package dashboard

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

type typeListView struct {
	Types    []typeView
	Query    string
	Archived bool
	All      int
}

// typeView is an event type in a list.
type typeView struct {
	*catalogue.Type
	Subscribers int
	DerivedBy   []string // the rules that make events of it
}

func (d *Dashboard) typeList(_ context.Context, q *request) (answer, error) {
	v := typeListView{Query: strings.TrimSpace(q.URL.Query().Get("q")), Archived: q.URL.Query().Get("archived") != ""}
	hooks := d.Webhooks.List(q.who.Tenant)
	rules := d.Types.RuleList(q.who.Tenant)
	for _, t := range d.Types.List(q.who.Tenant) {
		if t.Archived && !v.Archived {
			continue
		}
		v.All++
		if text := strings.ToLower(v.Query); text != "" && !strings.Contains(strings.ToLower(t.Name+" "+t.Description), text) {
			continue
		}
		shown := typeView{Type: t}
		for _, w := range hooks {
			if w.Wants(t.Name) {
				shown.Subscribers++
			}
		}
		for _, r := range rules {
			if r.Type == t.Name && r.On {
				shown.DerivedBy = append(shown.DerivedBy, r.Name)
			}
		}
		v.Types = append(v.Types, shown)
	}
	return answer{page: "types", title: "Event types", section: "types", data: v}, nil
}

type typePageView struct {
	*catalogue.Type
	Schema, Example *body
	Versions        []*catalogue.Type
	Hooks           []*webhook.Webhook
	Makes, MadeBy   []catalogue.RuleState
	Days            []dayCount
	Most            int64
}

// dayCount is how many events of a type were accepted on a day.
type dayCount struct {
	Day   time.Time
	Count int
	More  bool // there were more than were counted
}

func (d *Dashboard) typePage(ctx context.Context, q *request) (answer, error) {
	t, ok := d.Types.Lookup(q.who.Tenant, q.PathValue("name"))
	if !ok {
		return answer{}, problem.New(problem.NotFound, "the catalogue has no such event type; events of it may be published all the same")
	}
	v := typePageView{Type: t, Versions: d.Types.Versions(q.who.Tenant, t.Name), Example: showBody(t.Example, "application/json", false, int64(len(t.Example)))}
	if len(t.Schema) > 0 {
		v.Schema = showBody(t.Schema, "application/json", false, int64(len(t.Schema)))
	}
	for _, w := range d.Webhooks.List(q.who.Tenant) {
		if w.Wants(t.Name) {
			v.Hooks = append(v.Hooks, w)
		}
	}
	for _, r := range d.Types.RuleList(q.who.Tenant) {
		if r.Rule.On == t.Name {
			v.Makes = append(v.Makes, r)
		}
		if r.Type == t.Name {
			v.MadeBy = append(v.MadeBy, r)
		}
	}
	var err error
	if v.Days, err = d.daysOf(ctx, q, t.Name); err != nil {
		return answer{}, err
	}
	return answer{page: "type", title: t.Name, section: "types", data: v}, nil
}

// daysOf counts the events of a type on each of the last seven days. It looks at no more of them than a page of a list may
// cost, and says where it stopped.
func (d *Dashboard) daysOf(ctx context.Context, q *request, name string) ([]dayCount, error) {
	const days, most = 7, 1000
	today := d.now().UTC().Truncate(24 * time.Hour)
	list := make([]dayCount, days)
	for i := range list {
		list[i].Day = today.AddDate(0, 0, i-days+1)
	}
	query := ingest.Query{Tenant: q.who.Tenant, Type: name, Since: list[0].Day, Limit: 250}
	for n := 0; n < most; {
		events, next, err := d.searchEvents(ctx, query)
		if err != nil {
			return nil, fmt.Errorf("counting events: %w", err)
		}
		for i := range events {
			n++
			if at := int(events[i].ID.Time().Sub(list[0].Day) / (24 * time.Hour)); at >= 0 && at < days {
				list[at].Count++
			}
		}
		if next == 0 {
			return list, nil
		}
		query.Before = next
		if n >= most || len(events) < query.Limit { // many, or rare among many others
			for i := range list {
				list[i].More = !list[i].Day.After(next.Time())
			}
			break
		}
	}
	return slices.DeleteFunc(list, func(c dayCount) bool { return c.More && c.Count == 0 }), nil
}
