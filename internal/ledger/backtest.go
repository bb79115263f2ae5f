package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/webhook"
)

// Change is what other settings of a webhook would change for an event.
type Change string

// The changes that a back-test finds.
const (
	ChangeNone    Change = "none"
	ChangeIn      Change = "in"      // the event would be sent, and is not with the settings as they are
	ChangeOut     Change = "out"     // the reverse
	ChangeRequest Change = "request" // another request would be sent
	ChangeFails   Change = "fails"   // the transform would fail, and so would the attempts
)

// Tally counts the events of a back-test.
type Tally struct {
	Events                    int // looked at, of types that the webhook asks for with either settings
	Before, After             int // those that are sent with the settings as they are, and that would be
	In, Out, Requests, Failed int // by what would change
}

// Add adds the counts of another part of the events.
func (t *Tally) Add(o Tally) {
	t.Events += o.Events
	t.Before += o.Before
	t.After += o.After
	t.In += o.In
	t.Out += o.Out
	t.Requests += o.Requests
	t.Failed += o.Failed
}

// Changed is an event for which something would change.
type Changed struct {
	Change        Change
	Before, After Previewed // with the settings as they are, and with the draft
}

// BackTest compares a webhook with a draft of other settings on past events. It stops at the time until, and returns how
// many events it has looked at, always one at least, and the first few for which something would change, at most most of a
// kind.
// Nothing is sent and nothing stored. A *problem.Error is returned when too many previews run.
func (l *Ledger) BackTest(ctx context.Context, w, draft *webhook.Webhook, events []event.Event, until time.Time, most int) (t Tally, list []Changed, done int, err error) {
	limited, end, err := l.beginPreview(ctx)
	if err != nil {
		return t, nil, 0, err
	}
	defer end()
	test := backTest{l: l, now: w, then: draft, nowDraft: l.machine.Draft(w), thenDraft: l.machine.Draft(draft)}
	test.render = w.Transform != draft.Transform || w.Format != draft.Format
	defer test.nowDraft.Close()
	defer test.thenDraft.Close()
	for i := range events {
		if i > 0 && !time.Now().Before(until) {
			break
		}
		if err := test.one(limited, &events[i], &t, &list, most); err != nil {
			if ctx.Err() != nil {
				return t, nil, 0, fmt.Errorf("testing past events: %w", ctx.Err())
			}
			return t, nil, 0, errors.Join(err, errPreviews)
		}
		done++
	}
	return t, list, done, nil
}

// backTest compares the settings of a webhook.
type backTest struct {
	l                   *Ledger
	now, then           *webhook.Webhook
	nowDraft, thenDraft *delivery.Draft
	render              bool // requests may differ
}

// one compares them for an event.
func (b *backTest) one(ctx context.Context, ev *event.Event, t *Tally, list *[]Changed, most int) error {
	if !b.now.Wants(ev.Type) && !b.then.Wants(ev.Type) {
		return nil
	}
	before, err := b.outcome(ctx, b.now, b.nowDraft, ev)
	if err != nil {
		return err
	}
	after, err := b.outcome(ctx, b.then, b.thenDraft, ev)
	if err != nil {
		return err
	}
	t.Events++
	if before.sent {
		t.Before++
	}
	if after.sent {
		t.After++
	}
	change := ChangeNone
	switch {
	case after.fails && !before.fails:
		change = ChangeFails
		t.Failed++
	case after.sent && !before.sent:
		change = ChangeIn
		t.In++
	case before.sent && !after.sent:
		change = ChangeOut
		t.Out++
	case before.sent && !sameRequest(before.request, after.request):
		change = ChangeRequest
		t.Requests++
	}
	if change == ChangeNone {
		return nil
	}
	shown := 0
	for i := range *list {
		if (*list)[i].Change == change {
			shown++
		}
	}
	if shown >= most {
		return nil
	}
	c := Changed{Change: change}
	if c.Before, err = b.l.preview(ctx, b.now, b.nowDraft, ev); err != nil {
		return err
	}
	if c.After, err = b.l.preview(ctx, b.then, b.thenDraft, ev); err != nil {
		return err
	}
	*list = append(*list, c)
	return nil
}

// outcome is what becomes of an event with some settings.
type outcome struct {
	sent    bool              // or failing: a request that would be made if the transform did not fail
	fails   bool              // the transform does
	request *exchange.Request // nil: it was not made, as all requests are alike
}

func (b *backTest) outcome(ctx context.Context, w *webhook.Webhook, draft *delivery.Draft, ev *event.Event) (o outcome, err error) {
	if !w.Wants(ev.Type) {
		return o, nil
	}
	if w.Program != nil {
		start := time.Now()
		ok, err := w.Program.Match(ctx, ev)
		delivery.StepAside(time.Since(start))
		if !ok || err != nil { // a filter that cannot be evaluated counts as no
			return o, ctx.Err()
		}
	}
	if !b.render {
		return outcome{sent: true}, nil
	}
	req, err := draft.Describe(ctx, ev)
	switch {
	case err == nil:
		return outcome{sent: true, request: &req}, nil
	case errors.As(err, new(*delivery.DroppedError)):
		return o, nil
	case errors.As(err, new(*delivery.RenderError)):
		return outcome{sent: true, fails: true}, nil
	}
	return o, err
}

// sameRequest reports whether two requests say the same.
func sameRequest(a, b *exchange.Request) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Method == b.Method && a.URL == b.URL && bytes.Equal(a.Body, b.Body) && slices.Equal(Timeless(a.Header), Timeless(b.Header))
}

// Timeless returns the fields of a request without the time that some signatures carry: it is that of the request, so it tells
// no requests apart.
func Timeless(fields []exchange.Field) []exchange.Field {
	return slices.DeleteFunc(slices.Clone(fields), func(f exchange.Field) bool { return strings.Contains(strings.ToLower(f.Name), "timestamp") })
}
