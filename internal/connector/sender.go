package connector

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/egress/auth"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/webhook"
)

// sender makes the requests of a connection.
type sender struct {
	connectors *Connectors
	hook       *webhook.Webhook
	connection string

	mu      sync.Mutex
	auth    *auth.Authenticator // of the connection as of item; nil: none yet
	item    *ConnectionItem
	closed  bool
	limits  []Window // of which windows are the counts
	windows []window
	held    time.Time // the partner limits the rate until then
}

var (
	_ destination.Kind     = (*Connectors)(nil)
	_ destination.Wrapper  = (*Connectors)(nil)
	_ destination.Composer = (*sender)(nil)
	_ destination.Settler  = (*sender)(nil)
	_ destination.Revealer = (*sender)(nil)
)

// window counts the requests of a period.
type window struct {
	limit Window
	begun time.Time
	used  int
}

// Target implements destination.Sender.
func (s *sender) Target() exchange.Request {
	return exchange.Request{Method: http.MethodPost, URL: s.hook.URL}
}

// Close implements destination.Sender.
func (s *sender) Close() {
	s.mu.Lock()
	a := s.auth
	s.auth, s.closed = nil, true
	s.mu.Unlock()
	if a != nil {
		a.Close()
	}
}

// Send implements destination.Sender.
func (s *sender) Send(ctx context.Context, m *destination.Message) (r destination.Result) {
	n, ok := m.Items[0].Note.(*noted)
	r.Request = s.Target()
	if !ok {
		r.Class, r.Reason, r.Text, r.Final = destination.Refused, exchange.Invalid, "internal error: a message that was not composed", true
		return r
	}
	comp := n.comp
	if wait, why := s.limited(comp.def, time.Now()); wait > 0 {
		r.Class, r.After, r.Text = destination.Limited, wait, why
		return r
	}
	shown, err := comp.def.build(comp.account, comp.entries, comp.groupID, true)
	if err == nil {
		r.Request = comp.def.show(shown)
		r.Request.Body = nil // the engine's to add
	}
	a, err := s.authenticator(comp)
	if err != nil {
		r.Class, r.Reason, r.Text = destination.Unreachable, exchange.Auth, err.Error()
		if errors.Is(err, auth.ErrClosed) {
			r.Class = destination.Changed
		}
		return r
	}
	start := time.Now()
	real, err := comp.def.build(comp.account, comp.entries, comp.groupID, false)
	var res *exchange.Response
	var fail *egress.Error
	if err == nil {
		res, r.Timing, fail, err = s.connectors.call(ctx, comp.def, comp.account, a, real, s.hook.Timeout, uint64(s.hook.Number))
	}
	r.Response, r.Held = res, fail != nil
	switch {
	case ctx.Err() != nil && (err != nil || fail != nil):
		r.Class = destination.Interrupted
		return r
	case errors.Is(err, auth.ErrClosed):
		r.Class = destination.Changed
		return r
	case err != nil:
		r.Class, r.Reason, r.Text = destination.Unreachable, exchange.Auth, err.Error()
		var bad *requestError
		if errors.As(err, &bad) {
			r.Class, r.Reason, r.Final = destination.Refused, exchange.Invalid, true
		}
		return r
	case fail != nil && fail.Kind == exchange.Local:
		r.Class, r.Text = destination.Short, fail.Message
		return r
	case fail != nil && !fail.Body:
		r.Class, r.Reason, r.Text = destination.Unreachable, fail.Kind, fail.Message
		return r
	}
	ans := answerOf(res)
	ans.broken = fail != nil
	j := comp.def.judge(comp.account, comp.entries, ans, start.Add(r.Timing.Total))
	if j.Verdict == Throttle {
		s.hold(time.Now().Add(j.Wait))
	}
	s.read(ctx, &r, comp, &j)
	if comp.personal() {
		r.Response.Body = nil // answers repeat requests; the words of the verdict stay
	}
	return r
}

func answerOf(res *exchange.Response) *answer {
	ans := &answer{status: res.Status, body: res.Body, broken: res.Truncated}
	for _, h := range res.Header {
		ans.header = append(ans.header, Header(h))
	}
	return ans
}

// read makes the engine's result of a judgement, and ends what needs no other attempt.
func (s *sender) read(ctx context.Context, r *destination.Result, comp *composed, j *judged) {
	r.Code, r.Text, r.After = r.Response.Status, j.Words, j.Wait
	if j.Verdict != Delivered {
		r.Class, r.Reason = destination.Refused, exchange.Status
	}
	switch j.Verdict {
	case Throttle:
		r.Class = destination.Overloaded
	case Retry:
		if r.Code >= 500 {
			r.Class = destination.Overloaded
		}
	case Reauthorize:
		r.Denied = true
	case Rejected, Stop:
		r.Final = true
	case Split:
		r.Split = true
	}
	final := comp.list[:0:0]
	for i, x := range comp.list {
		x.Verdict, x.Words = j.Verdict, j.Words
		if j.Items != nil {
			x.Verdict, x.Words = j.Items[i].Verdict, j.Items[i].Words
			if len(comp.list) > 1 {
				outcome := map[Verdict]destination.ItemOutcome{Delivered: destination.ItemDelivered, Rejected: destination.ItemRejected}
				v := destination.Verdict{Outcome: destination.ItemRetry, Text: x.Words}
				if o, ok := outcome[x.Verdict]; ok {
					v.Outcome = o
				}
				r.Verdicts = append(r.Verdicts, v)
			}
		}
		if x.Verdict == Delivered || x.Verdict == Rejected || x.Verdict == Stop {
			final = append(final, x)
		}
	}
	// All of them in one change. Should it fail, Settle does it for each.
	_ = s.end(ctx, final, func(*Sending) {})
}

// limited reports for how long the partner takes no more requests, and counts one if it does.
func (s *sender) limited(d *Definition, now time.Time) (time.Duration, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wait := s.held.Sub(now); wait > 0 {
		return wait, "the partner limits the rate"
	}
	if !slices.Equal(s.limits, d.Limits.Requests) {
		s.windows = nil
		s.limits = d.Limits.Requests
		for _, w := range d.Limits.Requests {
			if w.Per > time.Second { // those of a second are the engine's to keep
				s.windows = append(s.windows, window{limit: w})
			}
		}
	}
	for i := range s.windows {
		w := &s.windows[i]
		if now.Sub(w.begun) >= w.limit.Per {
			w.begun, w.used = now, 0
		}
		if w.used >= w.limit.Count {
			return w.begun.Add(w.limit.Per).Sub(now), fmt.Sprintf("%d requests in %v are used up", w.limit.Count, w.limit.Per)
		}
	}
	for i := range s.windows {
		s.windows[i].used++
	}
	return 0, ""
}

// hold has the connection wait.
func (s *sender) hold(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if until.After(s.held) {
		s.held = until
	}
}

// Settle implements destination.Settler.
func (s *sender) Settle(ctx context.Context, e *destination.Ending) error {
	var x *Sending
	if n, ok := e.Item.Note.(*noted); ok {
		x = n.Sending
	} else { // nothing was sent
		list, err := s.connectors.open(ctx, s.hook.Tenant, []destination.Item{{Event: e.Item.Event, Delivery: e.Item.Delivery}})
		if err != nil || list[0].Settled != "" {
			return err
		}
		x = list[0]
	}
	return s.end(ctx, []*Sending{x}, func(x *Sending) {
		switch {
		case e.Delivered:
			x.Verdict, x.Words = Delivered, ""
		case x.Verdict != Stop:
			x.Verdict, x.Words = Rejected, e.Text
		}
	})
}

// end has the sources note how sendings have ended.
func (s *sender) end(ctx context.Context, list []*Sending, set func(*Sending)) error {
	by := make(map[string][]*Sending)
	for _, x := range list {
		if set(x); x.source != "" && !x.ended {
			by[x.source] = append(by[x.source], x)
		}
	}
	for name, list := range by {
		if err := s.connectors.source(name).End(context.WithoutCancel(ctx), s.hook.Tenant, list); err != nil {
			return err
		}
		for _, x := range list {
			x.ended = true
		}
	}
	return nil
}

// Describe implements destination.Sender.
func (s *sender) Describe(m *destination.Message) (exchange.Request, error) {
	n, ok := m.Items[0].Note.(*noted)
	if !ok {
		return s.Target(), errors.New("nothing is to be sent")
	}
	r, err := n.comp.def.build(n.comp.account, n.comp.entries, n.comp.groupID, true)
	if err != nil {
		return s.Target(), err
	}
	return n.comp.def.show(r), nil
}

// show returns a request as the log has it, with the fields of the authentication masked. It must have been built to be
// shown.
func (d *Definition) show(r *Request) exchange.Request {
	out := exchange.Request{Method: r.Method, URL: r.URL, Body: r.Body}
	for _, h := range r.Header {
		out.Header = append(out.Header, exchange.Field(h))
	}
	switch d.auth.kind {
	case "basic":
		out.Header = append(out.Header, exchange.Field{Name: "Authorization", Value: "Basic " + masked})
	case "bearer", "oauth2":
		out.Header = append(out.Header, exchange.Field{Name: "Authorization", Value: "Bearer " + masked})
	case "apiKey":
		name, _ := d.auth.values["header"].constant()
		out.Header = append(out.Header, exchange.Field{Name: name, Value: masked})
	case "query":
		name, _ := d.auth.values["name"].constant()
		out.URL = withQuery(out.URL, name, masked)
	}
	return out
}

// Reveal implements destination.Revealer: bodies about profiles are not kept, so that erasing a profile is enough.
func (s *sender) Reveal(_ context.Context, _ *event.Event, req *exchange.Request, _ *exchange.Response) error {
	req.Body = nil
	return nil
}
