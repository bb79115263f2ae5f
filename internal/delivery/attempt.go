package delivery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/egress/auth"
	"github.com/relay-events/relay/internal/event"
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
	a, how := e.send(e.holding(), ep, t.ev, t.owed.Attempts+1, false)
	switch how {
	case endInterrupted:
		e.giveBack(t) // Relay stops
		return false
	case endBusy:
		l.rest(t)
		e.giveBack(t)
		return false
	case endChanged:
		return l.giveBack(t)
	case endDropped:
		if e.canceled.take(t.owed.Delivery()) {
			e.recorder.drop(t) // which is recorded already
		} else {
			e.recorder.settle(t, Discarded, errDropped.Error())
		}
		return true
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
	if a.ErrorKind == kindTransform {
		// The endpoint was not asked: this says nothing about it.
		e.recorder.finish(t, a)
		return a.Outcome.Settles()
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

// giveBack gives a task back uncounted; those behind it in its order are the
// caller's.
func (e *Engine) giveBack(t *task) {
	rest := t.next
	t.next = nil
	e.recorder.spill([]*task{t})
	t.next = rest
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

// Kinds of errors beside egress.Kind.
const (
	kindStatus    = "status"    // the endpoint answered with a status that is no success
	kindTransform = "transform" // the webhook's transform failed; nothing was sent
	// kindAuth: there was no token, or the settings of the authentication cannot
	// be used. Policies take it for a failure of the network, not for an answer.
	kindAuth = "auth"
)

var bodies = sync.Pool{New: func() any { return new([]byte) }}

// maxPooledBody bounds the buffers that are kept for reuse.
const maxPooledBody = 64 << 10

// ending says how send ended.
type ending uint8

const (
	endDone        ending = iota // the log's entry says what came of it
	endInterrupted               // ctx ended first
	endChanged                   // the webhook's authentication was changed first
	endBusy                      // there is no room for its transform now
	endDropped                   // the transform dropped it: nothing is to be sent
)

// send makes the request of an attempt and returns its entry for the log,
// Delivered or Failed.
func (e *Engine) send(ctx context.Context, ep *endpoint, ev *event.Event, number int, test bool) (a *Attempt, how ending) {
	w := ep.hook
	d := event.DeliveryID{Event: ev.ID, Webhook: w.Number}
	buf := bodies.Get().(*[]byte)
	m, err := e.render(ctx, (*buf)[:0], ep, ev, d)
	now := time.Now().UTC() // after render, which may have waited for its turn: receivers check how old a signature is
	a = &Attempt{
		Tenant: w.Tenant, Event: ev.ID, EventName: ev.Name, EventType: ev.Type,
		Webhook: w.Number, Number: number, At: now.Truncate(time.Millisecond), Outcome: Failed, Test: test,
		Request: SentRequest{Method: http.MethodPost, URL: w.URL},
	}
	if err != nil {
		var failed *renderError
		switch {
		case errors.As(err, &failed):
			a.ErrorKind, a.Error = failed.kind, failed.message
			return a, endDone
		case errors.Is(err, errDropped):
			return a, endDropped
		case ctx.Err() != nil:
			return a, endInterrupted
		default:
			return a, endBusy
		}
	}
	body := m.body
	a.Request.BodyFormat = m.bodyFormat
	if !m.target.IsZero() {
		a.Request.URL = m.target.String()
	}
	if test || m.bodyFormat == "" {
		// The log must hold the body itself: a test's event is not stored, and
		// what a transform makes of one may change.
		a.Request.Body, a.Request.BodyFormat = body, ""
	}
	// Before the signature, whose time is that of the request: there may be a
	// token to wait for.
	field, hasField, err := ep.auth.field(ctx, w.Timeout)
	switch {
	case err != nil && ctx.Err() != nil:
		return a, endInterrupted
	case errors.Is(err, auth.ErrClosed):
		return a, endChanged
	case err != nil:
		a.ErrorKind, a.Error, a.Timing.Total = kindAuth, authError(err, w.Timeout), time.Since(now)
		return a, endDone
	}
	id := d.String()
	fields := 10 + len(m.header)
	if hasField {
		fields++
	}
	header := make([]egress.Field, 0, fields)
	header = append(header,
		egress.Field{Name: "User-Agent", Value: e.userAgent},
		egress.Field{Name: "Content-Type", Value: m.contentType},
		egress.Field{Name: headerEvent, Value: ev.Type},
		egress.Field{Name: headerDelivery, Value: id},
		egress.Field{Name: headerAttempt, Value: strconv.Itoa(number)},
	)
	if test {
		header = append(header, egress.Field{Name: headerTest, Value: "true"})
	}
	unix := now.Unix()
	if hasField {
		unix = time.Now().Unix()
	}
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
			return a, endDone
		}
		header = append(header,
			egress.Field{Name: signing.HeaderStandardID, Value: id},
			egress.Field{Name: signing.HeaderStandardTimestamp, Value: strconv.FormatInt(unix, 10)},
			egress.Field{Name: signing.HeaderStandardSignature, Value: string(s.AppendSignature(nil, id, unix, body))},
		)
	}
	header = append(header, m.header...)
	if hasField && w.Script != nil { // which may have set it as well
		own := len(header) - len(m.header)
		header = append(header[:own], slices.DeleteFunc(header[own:], func(f egress.Field) bool { return strings.EqualFold(f.Name, field.Name) })...)
	}

	e.metrics.inFlight.Add(1)
	req := egress.Request{Method: http.MethodPost, Target: m.target, Header: header, Body: body, Timeout: w.Timeout, Identity: ep.auth.identity()}
	var res *egress.Response
	var fail *egress.Error
	if hasField {
		res, a.Timing, fail, err = e.call(ctx, ep, &req, field, now)
		a.Timing.Total = time.Since(now)
		header = append(header, auth.Masked(field)) // what is sent stays out of the log
	} else {
		res, a.Timing, fail = e.sender.Do(ctx, &req)
	}
	e.metrics.inFlight.Add(-1)
	a.Request.Header, a.Response = header, res
	if fail == nil && a.Request.BodyFormat != "" && cap(body) <= maxPooledBody {
		*buf = body // nobody holds it any more; after a failure the transport may still read it
		bodies.Put(buf)
	}
	switch {
	case fail != nil && fail.Kind == egress.KindCanceled && ctx.Err() != nil:
		return a, endInterrupted
	case fail != nil:
		a.ErrorKind, a.Error = string(fail.Kind), fail.Message
	case err != nil && ctx.Err() != nil:
		return a, endInterrupted
	case err != nil:
		// Not the endpoint's last word: with a token it might be another.
		a.ErrorKind, a.Error = kindAuth, fmt.Sprintf("the endpoint answered %s, and there is no fresh token: %s", statusText(res.Status), authError(err, w.Timeout))
	case res.Status >= 200 && res.Status <= 299:
		a.Outcome = Delivered
	default:
		a.ErrorKind, a.Error = kindStatus, fmt.Sprintf("the endpoint answered %s", statusText(res.Status))
	}
	return a, endDone
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
