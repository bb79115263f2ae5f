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
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/signing"
	"github.com/relay-events/relay/internal/webhook"
)

// attempt makes one attempt of the delivery and hands its result to the
// recorder. It reports whether the delivery is settled.
func (e *Engine) attempt(l *lane, ep *endpoint, t *task) (settled bool) {
	now := e.wall()
	since := t.owed.Since
	if len(ep.hook.Maintenance) > 0 {
		since = since.Add(ep.hook.HeldFor(since, now))
	}
	if now.Sub(since) > ep.hook.Retry.MaxAge {
		settled = e.settle(ep, t, Expired, fmt.Sprintf("not attempted within %v of being due", ep.hook.Retry.MaxAge))
		l.notAttempted()
		return settled
	}
	a, how := e.send(e.holding(), ep, t.ev, t.owed.Attempts+1, false)
	switch how {
	case endInterrupted:
		e.giveBack(t) // Relay stops
		return false
	case endBusy, endShort:
		if how == endShort {
			e.short(a.Error)
		}
		l.notAttempted()
		l.rest(t)
		e.giveBack(t)
		return false
	case endChanged:
		l.notAttempted()
		return l.giveBack(t)
	case endDropped:
		e.settleDropped(t, a.Error)
		l.notAttempted()
		return true
	}
	ended := a.At.Add(a.Timing.Total)
	s := decide(ep.hook, a, t.owed.Attempts-t.owed.Base+1, since, ended)
	if e.canceled.take(t.owed.Delivery()) && a.Outcome == Retrying {
		a.Outcome, a.NextAt = Failed, time.Time{}
		a.Error += "; not tried again: canceled meanwhile"
	}
	if a.parcel != nil {
		if a.Outcome.Settles() && !e.handOver(ep.hook, t.ev, a) {
			e.giveBack(t)
			return false
		}
		if a.Response != nil {
			a.parcel.Conceal(a.Response)
		}
		a.parcel = nil
	}
	if a.ErrorKind == exchange.Transform {
		// The endpoint was not asked: this says nothing about it, and costs
		// nothing of its rate.
		l.notAttempted()
		e.recorder.finish(t, a)
		return a.Outcome.Settles()
	}
	l.mu.Lock()
	l.pace.done(s, a.Timing.Total, time.Now(), e.slots.busy())
	if s == strainNone {
		l.startLocked() // the endpoint may bear more now
	}
	l.mu.Unlock()
	e.recorder.finish(t, a)
	e.health.observe(ep.hook, a, ended)
	return a.Outcome.Settles()
}

// decide sets what follows from a request that ended so, the n-th of its round,
// and returns what it tells about the endpoint.
func decide(w *webhook.Webhook, a *Attempt, n int, since, ended time.Time) strain {
	if a.Outcome == Delivered {
		return strainNone
	}
	if w.Refused != "" && a.ErrorKind == exchange.Blocked {
		return strainRefused // no retry helps: the URL or the server's settings must change, and then recover does
	}
	res := webhook.Result{Kind: a.ErrorKind}
	if a.Response != nil {
		res.Status = a.Response.Status
		if a.ErrorKind != exchange.Status && a.ErrorKind != "" {
			res.Status = 0 // the answer broke off or says nothing: as if none had come
		}
		res.After = func() string { return exchange.Value(a.Response.Header, "Retry-After") }
	}
	if d := w.Retry.Decide(res, n, since, ended); d.Retry {
		a.Outcome, a.NextAt = Retrying, d.At.UTC().Truncate(time.Millisecond)
	} else if d.Expired {
		a.Error += fmt.Sprintf("; not tried again: the next attempt would come later than %v after the first", w.Retry.MaxAge)
	}
	if a.ErrorKind == exchange.Answer {
		return strainRefused
	}
	return strainOf(res)
}

// settle ends a delivery without a request. It reports false when it was given
// back instead, because Relay stops.
func (e *Engine) settle(ep *endpoint, t *task, outcome Outcome, why string) bool {
	if ep.hook.Owner != "" {
		a := &Attempt{Tenant: t.owed.Tenant, Event: t.owed.Event, Webhook: t.owed.Webhook, Outcome: outcome, Error: why}
		if !e.handOver(ep.hook, t.ev, a) {
			e.giveBack(t)
			return false
		}
	}
	e.recorder.settle(t, outcome, why)
	return true
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

var bodies = sync.Pool{New: func() any { return new([]byte) }}

// maxPooledBody bounds the buffers that are kept for reuse.
const maxPooledBody = 64 << 10

// ending says how send ended.
type ending uint8

const (
	endDone        ending = iota // the log's entry says what came of it
	endInterrupted               // ctx ended first
	endChanged                   // the webhook's authentication was changed first, or it was stopped; see stoppedMeanwhile
	endBusy                      // there is no room for its transform now
	endDropped                   // the transform dropped it: nothing is to be sent
	endShort                     // this server lacks what a request needs; the entry's Error says what
)

// send makes the request of an attempt and returns its entry for the log,
// Delivered or Failed.
func (e *Engine) send(ctx context.Context, ep *endpoint, ev *event.Event, number int, test bool) (a *Attempt, how ending) {
	w := ep.hook
	d := event.DeliveryID{Event: ev.ID, Webhook: w.Number}
	buf := bodies.Get().(*[]byte)
	making := ctx
	if !test {
		making = e.claiming // what waits for its transform when Relay stops is given back at once: nothing was sent
	}
	m, err := e.render(making, (*buf)[:0], ep, ev, d)
	a = e.newAttempt(w, ev, number) // after render, which may have waited for its turn: receivers check how old a signature is
	a.Test = test
	if err != nil {
		var failed *renderError
		var settled *SettledError
		switch {
		case errors.As(err, &failed):
			a.ErrorKind, a.Error = failed.kind, failed.message
			return a, endDone
		case errors.Is(err, errDropped), errors.As(err, &settled):
			a.Error = err.Error()
			return a, endDropped
		case making.Err() != nil:
			return a, endInterrupted
		default:
			return a, endBusy
		}
	}
	how, held := e.post(ctx, ep, a, &m, label{event: ev.Type, id: d.String(), number: number})
	if !held && cap(m.body) <= maxPooledBody {
		*buf = m.body
		bodies.Put(buf)
	}
	return a, how
}

// newAttempt returns the entry of an attempt that begins now.
func (e *Engine) newAttempt(w *webhook.Webhook, ev *event.Event, number int) *Attempt {
	return &Attempt{
		Tenant: w.Tenant, Event: ev.ID, EventName: ev.Name, EventType: ev.Type,
		Webhook: w.Number, Number: number, At: e.wall().UTC().Truncate(time.Millisecond), Outcome: Failed,
		Request: exchange.Request{Method: http.MethodPost, URL: w.URL},
	}
}

// label is what a request says of its delivery, or of its batch.
type label struct {
	event  string // the type
	id     string // the delivery's, or the batch's
	number int    // of the attempt
	batch  int    // events in it; 0: it is no batch
}

// post signs and sends a message and completes the entry of its attempt. held
// tells that the message's body is still used.
func (e *Engine) post(ctx context.Context, ep *endpoint, a *Attempt, m *message, of label) (how ending, held bool) {
	w, body := ep.hook, m.body
	now := time.Now()
	a.Request.BodyFormat, a.parcel = m.bodyFormat, m.parcel
	if !m.target.IsZero() {
		a.Request.URL = m.target.String()
	}
	if a.Test || m.bodyFormat == "" {
		// The log must hold the body itself: a test's event is not stored, and
		// what a transform makes of one may change.
		a.Request.Body, a.Request.BodyFormat = body, ""
	}
	if m.target.IsZero() && w.Refused != "" {
		a.ErrorKind, a.Error = exchange.Blocked, w.Refused
		return endDone, a.Request.Body != nil
	}
	// Before the signature, whose time is that of the request: there may be a
	// token to wait for.
	field, hasField, err := ep.auth.field(ctx, w.Timeout)
	switch {
	case err != nil && ctx.Err() != nil:
		return endInterrupted, false
	case errors.Is(err, auth.ErrClosed):
		return endChanged, false
	case !a.Test && e.stoppedMeanwhile(ep):
		return endChanged, false
	case err != nil && isShortage(err):
		a.Error = authError(err, w.Timeout)
		return endShort, false
	case err != nil:
		a.ErrorKind, a.Error, a.Timing.Total = exchange.Auth, authError(err, w.Timeout), time.Since(now)
		return endDone, a.Request.Body != nil
	}
	fields := 10 + len(m.header)
	if hasField {
		fields++
	}
	if of.batch > 0 {
		fields++
	}
	header := make([]exchange.Field, 0, fields)
	header = append(header,
		exchange.Field{Name: "User-Agent", Value: e.userAgent},
		exchange.Field{Name: "Content-Type", Value: m.contentType},
		exchange.Field{Name: headerEvent, Value: of.event},
		exchange.Field{Name: headerDelivery, Value: of.id},
		exchange.Field{Name: headerAttempt, Value: strconv.Itoa(of.number)},
	)
	if of.batch > 0 {
		header = append(header, exchange.Field{Name: headerBatch, Value: strconv.Itoa(of.batch)})
	}
	if a.Test {
		header = append(header, exchange.Field{Name: headerTest, Value: "true"})
	}
	unix := a.At.Unix()
	if hasField { // which may have had to be waited for
		unix = e.wall().Unix()
	}
	if ep.relay != nil {
		var sig [80]byte
		header = append(header,
			exchange.Field{Name: signing.HeaderRelayTimestamp, Value: strconv.FormatInt(unix, 10)},
			exchange.Field{Name: signing.HeaderRelaySignature, Value: string(ep.relay.AppendSignature(sig[:0], unix, body))},
		)
	}
	if w.Signature == webhook.SignStandard || w.Signature == webhook.SignBoth {
		s := ep.standardAt(e.wall())
		if s == nil {
			a.ErrorKind, a.Error = exchange.Invalid, "the signing secret is not valid: rotate it"
			return endDone, true
		}
		header = append(header,
			exchange.Field{Name: signing.HeaderStandardID, Value: of.id},
			exchange.Field{Name: signing.HeaderStandardTimestamp, Value: strconv.FormatInt(unix, 10)},
			exchange.Field{Name: signing.HeaderStandardSignature, Value: string(s.AppendSignature(nil, of.id, unix, body))},
		)
	}
	header = append(header, m.header...)
	if hasField && w.Script != nil { // which may have set it as well
		own := len(header) - len(m.header)
		header = append(header[:own], slices.DeleteFunc(header[own:], func(f exchange.Field) bool { return strings.EqualFold(f.Name, field.Name) })...)
	}

	e.metrics.inFlight.Add(1)
	req := egress.Request{
		Method: http.MethodPost, Target: m.target, Header: header, Body: body, Timeout: w.Timeout, Identity: ep.auth.identity(),
		Scope: uint64(w.Number),
	}
	var res *exchange.Response
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
	// After a failure the transport may still read the body.
	held = fail != nil || a.Request.BodyFormat == "" || m.parcel != nil
	answered := fail == nil || fail.Body // the status decides then, whatever became of the body
	switch {
	case fail != nil && fail.Kind == exchange.Local:
		a.Error = fail.Message
		return endShort, held
	case !answered && fail.Kind == exchange.Canceled && ctx.Err() != nil:
		return endInterrupted, held
	case !answered:
		a.ErrorKind, a.Error = fail.Kind, fail.Message
	case err != nil && ctx.Err() != nil:
		return endInterrupted, held
	case err != nil && isShortage(err):
		a.Error = authError(err, w.Timeout)
		return endShort, held
	case err != nil:
		// Not the endpoint's last word: with a token it might be another.
		a.ErrorKind, a.Error = exchange.Auth, fmt.Sprintf("the endpoint answered %s, and there is no fresh token: %s", statusText(res.Status), authError(err, w.Timeout))
	case res.Status >= 200 && res.Status <= 299:
		a.Outcome = Delivered
		a.judge()
		switch {
		case fail == nil:
		case a.Outcome == Delivered:
			a.Error = fail.Message // a remark: there is no ErrorKind
		case fail.Kind == exchange.Canceled && ctx.Err() != nil:
			return endInterrupted, held // its owner needs the body
		default:
			a.ErrorKind, a.Error = fail.Kind, fail.Message
		}
	default:
		a.ErrorKind, a.Error = exchange.Status, fmt.Sprintf("the endpoint answered %s", statusText(res.Status))
		if fail != nil {
			a.Error += "; " + fail.Message
		}
	}
	return endDone, held
}

// isShortage reports whether there is no token because this server lacks what a
// request needs.
func isShortage(err error) bool {
	var fail *egress.Error
	return errors.As(err, &fail) && fail.Kind == exchange.Local
}

// shortEvery is how often at most a shortage is logged: every attempt meets it.
const shortEvery = 10 * time.Second

// short notes an attempt that was given back because this server lacks what a
// request needs, which is no fault of the endpoint's.
func (e *Engine) short(why string) {
	n := e.metrics.short.Add(1)
	now := time.Now().UnixNano()
	last := e.shortLogged.Load()
	if now-last < int64(shortEvery) || !e.shortLogged.CompareAndSwap(last, now) {
		return
	}
	e.log.Warn("attempts are given back uncounted: this server is short of something", "reason", why, "attempts", n)
}

// stoppedMeanwhile reports whether nothing may be sent to the webhook any more: it
// was paused or deleted, or a maintenance window began, while an attempt waited for
// its transform or a token. Attempts that wait for neither are not asked: they have
// begun just now.
func (e *Engine) stoppedMeanwhile(ep *endpoint) bool {
	if ep.hook.Script == nil && ep.auth == nil {
		return false
	}
	w, ok := e.hooks.ByNumber(ep.hook.Number)
	return !ok || w.Status != webhook.Active || len(w.Maintenance) > 0 && !w.HeldUntil(e.wall()).IsZero()
}

// statusText returns a status as people write it: "404 Not Found".
func statusText(code int) string {
	if text := http.StatusText(code); text != "" {
		return strconv.Itoa(code) + " " + text
	}
	return strconv.Itoa(code)
}
