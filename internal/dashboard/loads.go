package dashboard

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/chart"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/tally"
	"github.com/relay-events/relay/internal/webhook"
)

// Tally has the counts of attempts; tally.Tally does.
type Tally interface {
	Sums(ctx context.Context, q tally.Query) ([]tally.Sum, error)
}

// Backlogs knows what waits to be delivered; ledger.Ledger does.
type Backlogs interface {
	Backlog(ctx context.Context, tenant event.TenantID) ([]delivery.Backlog, error)
}

// loadView is what came of the attempts to a webhook, and what waits for it.
type loadView struct {
	Hook     *webhook.Webhook
	Attempts int64
	Failures int64
	Bars     []chart.Rect
	Parts    []loadPart // what failed, by class of the status or by kind of the error
	Waiting  int
	Held     bool      // what waits does so until the webhook is resumed
	Oldest   time.Time // since when the one that is due for the longest has been due; zero: none is
	Log      string    // the query of the log
}

// loadPart is a count of failures.
type loadPart struct {
	Name, Query string // Query is that of the log with them
	Count       int64
}

// Told is the bar in words.
func (v loadView) Told() string {
	parts := []string{chart.Exact(v.Attempts-v.Failures) + " accepted"}
	for _, p := range v.Parts {
		parts = append(parts, p.Name+" "+chart.Exact(p.Count))
	}
	return strings.Join(parts, ", ")
}

// loadClasses colours the parts of a bar.
var loadClasses = map[string]string{"2xx": "c-ok", "3xx": "c-warn", "4xx": "c-warn", "5xx": "c-bad"}

// loads returns how webhooks fared since a time, in whole hours: those with failures or with something that waits, the worst
// first.
func (d *Dashboard) loads(ctx context.Context, q *request, hooks []*webhook.Webhook, from, to time.Time) ([]loadView, error) {
	if d.Tally == nil || len(hooks) == 0 {
		return nil, nil // portals have none
	}
	query := tally.Query{Tenant: q.who.Tenant, From: from, To: to}
	at := make(map[uint32]*loadView, len(hooks))
	for _, w := range hooks {
		query.Webhooks = append(query.Webhooks, w.Number)
		at[w.Number] = &loadView{Hook: w, Held: w.Status != webhook.Active, Log: "?" + url.Values{"webhook": {w.ID}}.Encode()}
	}
	sums, err := d.Tally.Sums(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("counting attempts: %w", err)
	}
	for i := range sums {
		if v := at[sums[i].Webhook]; v != nil {
			v.count(&sums[i])
		}
	}
	backlog, err := d.Backlogs.Backlog(ctx, q.who.Tenant)
	if err != nil {
		return nil, fmt.Errorf("counting what waits: %w", err)
	}
	for _, b := range backlog {
		if v := at[b.Webhook]; v != nil {
			if v.Waiting = b.Count; !v.Held {
				v.Oldest = b.Oldest
			}
		}
	}
	var list []loadView
	for _, w := range hooks {
		if v := at[w.Number]; v.Failures > 0 || v.Waiting > 0 {
			list = append(list, *v)
		}
	}
	slices.SortStableFunc(list, func(a, b loadView) int {
		return cmp.Or(cmp.Compare(b.Failures, a.Failures), cmp.Compare(b.Waiting, a.Waiting))
	})
	return list, nil
}

func (v *loadView) count(s *tally.Sum) {
	v.Attempts = s.Attempts
	classes := slices.Clone(s.Classes)
	slices.SortFunc(classes, func(a, b tally.Named) int { return cmp.Compare(a.Name, b.Name) })
	var parts []chart.Part
	for _, c := range classes {
		parts = append(parts, chart.Part{Class: cmp.Or(loadClasses[c.Name], "t-dns"), Size: float64(c.Count)})
		if c.Name == "2xx" {
			continue
		}
		v.Failures += c.Count
		if loadClasses[c.Name] != "" {
			query := url.Values{"webhook": {v.Hook.ID}, "code": {c.Name}}
			v.Parts = append(v.Parts, loadPart{Name: c.Name, Query: "?" + query.Encode(), Count: c.Count})
		}
	}
	for _, e := range s.Errors {
		if e.Name != string(exchange.Status) { // which the classes tell
			query := url.Values{"webhook": {v.Hook.ID}, "kind": {e.Name}}
			v.Parts = append(v.Parts, loadPart{Name: strings.ReplaceAll(e.Name, "_", " "), Query: "?" + query.Encode(), Count: e.Count})
		}
	}
	v.Bars = chart.Line(parts)
}
