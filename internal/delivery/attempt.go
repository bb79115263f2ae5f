package delivery

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/signing"
	"github.com/relay-events/relay/internal/webhook"
)

// attempt makes one attempt of the delivery and hands its result to the
// recorder. It reports whether the delivery is settled.
func (e *Engine) attempt(l *lane, ep *endpoint, t *task) (settled bool) {
	now := time.Now()
	since := t.owed.Since
	if len(ep.hook.Maintenance) > 0 {
		since = since.Add(ep.hook.HeldFor(since, now))
	}
	if now.Sub(since) > ep.hook.Retry.MaxAge {
		e.recorder.settle(t, Expired, fmt.Sprintf("not attempted within %v of being due", ep.hook.Retry.MaxAge))
		return true
	}
	a, interrupted := e.send(e.working, ep, t.ev, t.owed.Attempts+1, false)
	if interrupted {
		rest := t.next
		t.next = nil
		e.recorder.spill([]*task{t}) // Relay stops: given back uncounted
		t.next = rest
		return false
	}
	ended := a.At.Add(a.Timing.Total)
	res := webhook.Result{Kind: egress.Kind(a.ErrorKind)}
	if a.Response != nil {
		res.Status = a.Response.Status
		if a.ErrorKind != kindStatus && a.ErrorKind != "" {
			res.Status = 0 // the answer broke off: as if none had come
		}
		res.After = func() string { return headerValue(a.Response.Header, "Retry-After") }
	}
	s := strainNone
	if a.Outcome != Delivered {
		s = strainOf(res)
		round := t.owed.Attempts - t.owed.Base + 1
		if d := ep.hook.Retry.Decide(res, round, since, ended); d.Retry {
			a.Outcome, a.NextAt = Retrying, d.At.UTC().Truncate(time.Millisecond)
		} else if d.Expired {
			a.Error += fmt.Sprintf("; not tried again: the next attempt would come later than %v after the first", ep.hook.Retry.MaxAge)
		}
	}
	if e.canceled.take(t.owed.Delivery()) && a.Outcome == Retrying {
		a.Outcome, a.NextAt = Failed, time.Time{}
		a.Error += "; not tried again: canceled meanwhile"
	}
	l.mu.Lock()
	l.pace.done(s, a.Timing.Total, ended, e.slots.busy())
	if s == strainNone {
		l.startLocked() // the endpoint may bear more now
	}
	l.mu.Unlock()
	e.recorder.finish(t, a)
	e.health.observe(ep.hook, a, ended)
	return a.Outcome.Settles()
}

// strainOf says what a failure tells about the endpoint's load.
func strainOf(r webhook.Result) strain {
	switch {
	case r.Status == 0 || r.Status >= 500 || r.Status == http.StatusTooManyRequests || r.Status == http.StatusRequestTimeout:
		return strainLoad
	default:
		return strainRefused
	}
}

// kindStatus is an attempt's error kind when the endpoint answered with a
// status that is no success.
const kindStatus = "status"

var bodies = sync.Pool{New: func() any { return new([]byte) }}

// maxPooledBody bounds the buffers that are kept for reuse.
const maxPooledBody = 64 << 10

// send makes the request of an attempt and returns its entry for the log,
// Delivered or Failed. interrupted tells that ctx ended first.
func (e *Engine) send(ctx context.Context, ep *endpoint, ev *event.Event, number int, test bool) (a *Attempt, interrupted bool) {
	w := ep.hook
	now := time.Now().UTC()
	d := event.DeliveryID{Event: ev.ID, Webhook: w.Number}
	a = &Attempt{
		Tenant: w.Tenant, Event: ev.ID, EventName: ev.Name, EventType: ev.Type,
		Webhook: w.Number, Number: number, At: now.Truncate(time.Millisecond), Outcome: Failed, Test: test,
		Request: SentRequest{Method: http.MethodPost, URL: w.URL, BodyFormat: w.Format},
	}
	buf := bodies.Get().(*[]byte)
	body, ok := format.Append((*buf)[:0], w.Format, ev, d)
	if !ok {
		a.ErrorKind, a.Error = string(egress.KindRequest), fmt.Sprintf("there is no format %q", w.Format)
		return a, false
	}
	if test {
		// A test's event is not stored, so the log must hold the body itself.
		a.Request.Body, a.Request.BodyFormat = body, ""
	}
	id := d.String()
	header := make([]egress.Field, 0, 10+len(ep.custom))
	header = append(header,
		egress.Field{Name: "User-Agent", Value: e.userAgent},
		egress.Field{Name: "Content-Type", Value: format.TypeOf(w.Format)},
		egress.Field{Name: headerEvent, Value: ev.Type},
		egress.Field{Name: headerDelivery, Value: id},
		egress.Field{Name: headerAttempt, Value: strconv.Itoa(number)},
	)
	if test {
		header = append(header, egress.Field{Name: headerTest, Value: "true"})
	}
	unix := now.Unix()
	if ep.relay != nil {
		var sig [80]byte
		header = append(header,
			egress.Field{Name: signing.HeaderRelayTimestamp, Value: strconv.FormatInt(unix, 10)},
			egress.Field{Name: signing.HeaderRelaySignature, Value: string(ep.relay.AppendSignature(sig[:0], unix, body))},
		)
	}
	if w.Signature == webhook.SignStandard || w.Signature == webhook.SignBoth {
		s := ep.standardAt(now)
		if s == nil {
			a.ErrorKind, a.Error = string(egress.KindRequest), "the signing secret is not valid: rotate it"
			return a, false
		}
		header = append(header,
			egress.Field{Name: signing.HeaderStandardID, Value: id},
			egress.Field{Name: signing.HeaderStandardTimestamp, Value: strconv.FormatInt(unix, 10)},
			egress.Field{Name: signing.HeaderStandardSignature, Value: string(s.AppendSignature(nil, id, unix, body))},
		)
	}
	for name, value := range format.Header(w.Format, ev, d) {
		header = append(header, egress.Field{Name: name, Value: value})
	}
	a.Request.Header = append(header, ep.custom...)

	e.metrics.inFlight.Add(1)
	req := egress.Request{Method: http.MethodPost, Target: w.Target, Header: a.Request.Header, Body: body, Timeout: w.Timeout}
	res, timing, fail := e.sender.Do(ctx, &req)
	e.metrics.inFlight.Add(-1)
	a.Timing, a.Response = timing, res
	if fail == nil && !test && cap(body) <= maxPooledBody {
		*buf = body
		bodies.Put(buf) // after a failure the transport may still read it
	}
	switch {
	case fail != nil && fail.Kind == egress.KindCanceled && ctx.Err() != nil:
		return a, true
	case fail != nil:
		a.ErrorKind, a.Error = string(fail.Kind), fail.Message
	case res.Status >= 200 && res.Status <= 299:
		a.Outcome = Delivered
	default:
		a.ErrorKind, a.Error = kindStatus, fmt.Sprintf("the endpoint answered %s", statusText(res.Status))
	}
	return a, false
}

// statusText returns a status as people write it: "404 Not Found".
func statusText(code int) string {
	if text := http.StatusText(code); text != "" {
		return strconv.Itoa(code) + " " + text
	}
	return strconv.Itoa(code)
}

// headerValue returns the first value of a header field.
func headerValue(header []egress.Field, name string) string {
	for _, f := range header {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}
