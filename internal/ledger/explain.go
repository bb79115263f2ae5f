package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/filter"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/webhook"
)

// Explain says for one webhook, or (nil) for each of the tenant, what became
// of the event and why.
func (l *Ledger) Explain(ctx context.Context, ev *event.Event, w *webhook.Webhook) ([]Explanation, error) {
	log, rows, open, err := l.historyOf(ctx, ev)
	if err != nil {
		return nil, err
	}
	hooks := []*webhook.Webhook{w}
	if w == nil {
		hooks = l.hooks.List(ev.Tenant)
	}
	list := make([]Explanation, 0, len(hooks))
	for _, h := range hooks {
		start := time.Now()
		x := l.explainOne(ev, h, rows[h.Number], log[h.Number], open)
		switch {
		case x.Verdict == VerdictType:
			more, err := l.explainRules(ctx, ev, h)
			if err != nil {
				return nil, err
			}
			if more != "" {
				x.Detail += "; " + more
			}
		case x.Verdict == VerdictWaiting && x.Delivery != nil:
			if err := l.explainLimit(ctx, h, &x, rows[h.Number]); err != nil {
				return nil, err
			}
		}
		list = append(list, x)
		delivery.StepAside(time.Since(start)) // its filter may have been evaluated several times
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// explainFilter says why a filter does not let the event through: which part
// says no, or else which cannot be evaluated.
func explainFilter(w *webhook.Webhook, ev *event.Event) string {
	const no = "its filter does not let it through"
	for _, c := range w.Program.Clauses(context.Background(), ev) {
		if c.Verdict == filter.No {
			text := fmt.Sprintf("%s: %s", no, c.Text)
			if value, ok := operand(c.Text, ev); ok {
				text += " (" + value + ")"
			} else if c.Reason != "" {
				text += " (" + c.Reason + ")"
			}
			return text
		}
	}
	if failure := filterFailure(w, ev); failure != "" {
		return "its filter cannot be evaluated, which counts as no match: " + failure
	}
	return no
}

// filterFailure says which part of a filter cannot be evaluated for the event,
// empty if all can.
func filterFailure(w *webhook.Webhook, ev *event.Event) string {
	for _, c := range w.Program.Clauses(context.Background(), ev) {
		if c.Verdict == filter.Failed {
			return fmt.Sprintf("%s (%s)", c.Text, c.Reason)
		}
	}
	if _, err := w.Program.Match(context.Background(), ev); err != nil { // only the whole fails
		return err.Error()
	}
	return ""
}

// advice names the most likely fault where an attempt was refused; empty: none is known.
func (l *Ledger) advice(w *webhook.Webhook, a *delivery.Attempt) string {
	if adviser := l.machine.Sender(w).Adviser; adviser != nil && a != nil && a.ErrorKind == exchange.Status {
		return adviser.Advise(a.At, a.Response)
	}
	return ""
}

func (l *Ledger) explainOne(ev *event.Event, w *webhook.Webhook, o *delivery.Owed, log []*delivery.Attempt, open bool) Explanation {
	x := Explanation{WebhookID: w.ID}
	at := ev.ID.Time()
	if o != nil || len(log) > 0 || open && l.inMemory(ev, w) {
		d := l.delivery(event.DeliveryID{Event: ev.ID, Webhook: w.Number}, ev, o, log)
		x.Delivery = &d
		x.Verdict = map[State]Verdict{
			StateDelivered: VerdictDelivered, StateFailed: VerdictFailed, StateCanceled: VerdictCanceled,
			StateExpired: VerdictExpired, StateHeld: VerdictPaused, StateDiscarded: VerdictTransform,
		}[d.State]
		switch d.State {
		case StateDelivered:
			x.Detail = fmt.Sprintf("delivered with attempt %d", d.Attempts)
		case StateFailed:
			x.Detail = fmt.Sprintf("given up after attempt %d: %s", d.Attempts, d.Reason)
			if hint := l.advice(w, d.Last); hint != "" {
				x.Detail += "; " + hint
			}
		case StateHeld:
			if x.Detail = d.Reason; w.Status == webhook.Active {
				x.Verdict = VerdictMaintenance
			} else if w.Status == webhook.Disabled {
				x.Verdict = VerdictDisabled
			}
		case StateCanceled, StateExpired, StateDiscarded:
			x.Detail = d.Reason
		case StateWaiting:
			x.Verdict, x.Detail = VerdictWaiting, d.Reason
			if o != nil && o.Reason != delivery.ReasonRetry && d.NextAt.After(time.Now()) {
				x.Detail += ", until " + d.NextAt.Format(format.TimeLayout)
			}
		default:
			x.Verdict = VerdictWaiting
			x.Detail = "on its way"
		}
		return x
	}
	period := inactiveAt(w, at)
	switch {
	case at.Before(w.CreatedAt):
		x.Verdict, x.Detail = VerdictLater, "the webhook was created after the event; replay sends it"
	case !w.Wants(ev.Type) && strings.HasPrefix(ev.Type, webhook.OperationalPrefix):
		x.Verdict = VerdictOperations
		x.Detail = fmt.Sprintf("%s is an operational event; the webhook does not ask for it by name (%q would)", ev.Type, ev.Type)
	case !w.Wants(ev.Type):
		x.Verdict = VerdictType
		x.Detail = fmt.Sprintf("the webhook asks for %s, not for %s", strings.Join(w.Events, ", "), ev.Type)
	case !w.Passes(ev):
		x.Verdict, x.Detail = VerdictFilter, explainFilter(w, ev)
	case period.Contains(at):
		x.Verdict = VerdictPaused
		if period.Why == webhook.Disabled {
			x.Verdict = VerdictDisabled
		}
		x.Detail = fmt.Sprintf("the webhook was %s since %s; replay sends it", period.Why, period.From.Format(format.TimeLayout))
	default:
		x.Verdict = VerdictChanged
		x.Detail = "the webhook did not ask for it when it came: its settings have changed since; replay sends it"
	}
	return x
}
