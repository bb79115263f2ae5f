package httpdest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/egress/auth"
	"github.com/relay-events/relay/internal/exchange"
)

// Target implements destination.Sender.
func (s *sender) Target() exchange.Request {
	return exchange.Request{Method: http.MethodPost, URL: s.hook.URL}
}

// Describe implements destination.Sender: the request that Send makes, as far as it can be shown.
func (s *sender) Describe(m *destination.Message) (exchange.Request, error) {
	p, err := s.plan(m)
	if err != nil {
		return s.Target(), err
	}
	var shown exchange.Field // added by the authentication
	if s.auth != nil {
		shown = s.auth.shown
	}
	header, _ := s.header(m, &p, shown.Name, s.kind.now().Unix(), true)
	if shown.Name != "" {
		header = append(header, shown)
	}
	return exchange.Request{Method: p.method, URL: s.url(&p), Header: header}, nil
}

// Send implements destination.Sender.
func (s *sender) Send(ctx context.Context, m *destination.Message) (r destination.Result) {
	w, start := s.hook, time.Now()
	p, err := s.plan(m)
	r.Request = exchange.Request{Method: p.method, URL: s.url(&p)}
	switch {
	case err != nil:
		r.Class, r.Reason, r.Text = destination.Refused, exchange.Transform, err.Error()
		return r
	case p.target.IsZero() && w.Refused != "":
		// The URL or the server's settings must change first.
		r.Class, r.Reason, r.Text, r.Final = destination.Refused, exchange.Blocked, w.Refused, true
		return r
	}
	// Before the signature, whose time is that of the request: there may be a token to wait for.
	field, hasField, err := s.auth.field(ctx, w.Timeout)
	switch {
	case err != nil && ctx.Err() != nil:
		r.Class = destination.Interrupted
		return r
	case errors.Is(err, auth.ErrClosed), s.auth != nil && m.Still != nil && !m.Still.MaySend():
		r.Class = destination.Changed
		return r
	case err != nil && isShortage(err):
		r.Class, r.Text = destination.Short, authError(err, w.Timeout)
		return r
	case err != nil:
		r.Class, r.Reason, r.Text = destination.Unreachable, exchange.Auth, authError(err, w.Timeout)
		r.Timing.Total = time.Since(start)
		return r
	}
	unix := m.At.Unix()
	if hasField { // which may have had to be waited for
		unix = s.kind.now().Unix()
	}
	header, ok := s.header(m, &p, field.Name, unix, false)
	if !ok {
		r.Class, r.Reason, r.Text = destination.Unreachable, exchange.Invalid, "the signing secret is not valid: rotate it"
		return r
	}
	req := egress.Request{
		Method: p.method, Target: p.target, Header: header, Body: m.Body, Timeout: w.Timeout, Identity: s.auth.identity(),
		Scope: uint64(w.Number),
	}
	var fail *egress.Error
	if hasField {
		r.Response, r.Timing, fail, err = s.call(ctx, &req, field, start)
		r.Timing.Total = time.Since(start)
		header = append(header, auth.Masked(field)) // the log gets the mask only
	} else {
		r.Response, r.Timing, fail = s.kind.client.Do(ctx, &req)
	}
	r.Request.Header = header
	r.Held = fail != nil // the transport may still read the body
	s.read(ctx, &r, m, fail, err)
	return r
}

// read makes the result of a request: fail is the transport's failure, and err why there is no fresh token after an answer
// that refused the old one.
func (s *sender) read(ctx context.Context, r *destination.Result, m *destination.Message, fail *egress.Error, err error) {
	answered := fail == nil || fail.Body // the status decides then, whatever became of the body
	switch {
	case fail != nil && fail.Kind == exchange.Local:
		r.Class, r.Text = destination.Short, fail.Message
		return
	case !answered && fail.Kind == exchange.Canceled && ctx.Err() != nil:
		r.Class = destination.Interrupted
		return
	case !answered:
		r.Class, r.Reason, r.Text = destination.Unreachable, fail.Kind, fail.Message
		return
	case err != nil && ctx.Err() != nil:
		r.Class = destination.Interrupted
		return
	case err != nil && isShortage(err):
		r.Class, r.Text = destination.Short, authError(err, s.hook.Timeout)
		return
	case err != nil:
		// Not the endpoint's last word: with a token it might be another.
		r.Class, r.Reason = destination.Unreachable, exchange.Auth
		r.Text = fmt.Sprintf("the endpoint answered %s, and there is no fresh token: %s", statusText(r.Response.Status), authError(err, s.hook.Timeout))
		return
	}
	r.Code, r.Class = r.Response.Status, classify(r.Response.Status)
	if r.Class == destination.Done {
		if fail != nil {
			r.Text, r.Cut = fail.Message, fail.Kind
		}
		return
	}
	r.Reason, r.Text = exchange.Status, fmt.Sprintf("the endpoint answered %s", statusText(r.Code))
	if fail != nil {
		r.Text += "; " + fail.Message
	}
	r.After = after(r.Response, m.At.Add(r.Timing.Total))
	if r.Denied = denied(r.Code); r.Denied {
		r.Hint = s.Advise(m.At, r.Response)
	}
}
