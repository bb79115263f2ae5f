package gate

import (
	"context"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// Received is what became of a respondent that was sent to us.
type Received struct {
	Respondent
	// Duplicate tells that it was received before with the same key; Respondent is the one stored then, as it is now.
	Duplicate bool
}

// Add stores a respondent in its campaign: it is never gated. key is the header Idempotency-Key, empty for none.
func (g *Gate) Add(ctx context.Context, c *access.Principal, p *Payload, key string) (Received, error) {
	if err := c.Limits.Integration(access.Direct); err != nil {
		return Received{}, err
	}
	if err := p.checkOwnID(); err != nil {
		return Received{}, err
	}
	at := now()
	r := &Respondent{Tenant: c.Tenant, State: Stored, CreatedAt: at, DecidedAt: at, Reason: "added directly"}
	p.fill(r)
	r.once(p, key)
	return g.receive(ctx, r)
}

// Receive takes a respondent in from an integration: it is stored, or goes through the gate. With a deadline in mode
// decide, it waits for the verdict that long. key is the header Idempotency-Key, empty for none.
func (g *Gate) Receive(ctx context.Context, c *access.Principal, integration string, p *Payload, key string) (Received, error) {
	if err := p.checkOwnID(); err != nil {
		return Received{}, err
	}
	begun := time.Now() // at has no monotonic reading, and is up to a millisecond earlier
	tenant := c.Tenant
	s := g.settings(tenant)
	known, ok := s.canonical(integration)
	if !ok {
		return Received{}, errNoIntegration(integration)
	}
	if err := s.allows(c.Limits, known); err != nil {
		return Received{}, err
	}
	integration = known
	at := now()
	r := &Respondent{Tenant: tenant, Source: integration, CreatedAt: at}
	p.fill(r)
	r.once(p, key)
	if !s.gates(integration) || !g.started.Load() {
		r.State, r.DecidedAt, r.Reason = Stored, at, "the gate is off"
		if s.Enabled {
			r.Reason = "the gate is off for this integration"
		}
		return g.receive(ctx, r)
	}
	r.State, r.Round, r.LogKey = Pending, 1, newLogKey()
	got, err := g.receive(ctx, r)
	if err != nil || got.Duplicate && got.State != Pending {
		return got, err
	}
	wait := s.Mode == Decide && s.Deadline > 0
	var w *waiter
	if wait {
		// Before its event is stored: the verdict may be there at once.
		w = g.wait(got.ID)
		defer g.forget(got.ID, w)
	}
	if !got.Duplicate {
		g.onItsWay(&got.Respondent)
	}
	if !wait {
		return got, nil
	}
	if got.Duplicate { // it may have been decided before anybody waited
		now, ok, err := g.store.RespondentGet(ctx, tenant, got.ID)
		if err != nil || !ok || now.State != Pending {
			if err == nil && ok {
				got.Respondent = now
			}
			return got, err
		}
	}
	t := time.NewTimer(s.Deadline - time.Since(begun))
	defer t.Stop()
	select {
	case <-w.decided:
	case <-t.C: // it continues in the background
	case <-g.gaveUp.Done():
	case <-ctx.Done():
		return got, nil
	}
	if now, ok, err := g.store.RespondentGet(ctx, tenant, got.ID); err == nil && ok {
		got.Respondent = now
	}
	return got, nil
}

// onItsWay publishes the event of a pending respondent. It is received, whether that succeeds or not: if the store fails
// just now, look sees to it later.
func (g *Gate) onItsWay(r *Respondent) {
	ctx, cancel := context.WithTimeout(g.ctx, publishTime)
	defer cancel()
	if err := g.send(ctx, r, false); err != nil {
		g.lookAtAll.Store(true) // it may be an old one, asked about again by hand
		g.log.Warn("a respondent waits for its event to be stored", "respondent", r.Public(), "err", err)
	}
}

// publishTime bounds waiting for an event to be stored.
const publishTime = 10 * time.Second

// Retry sends a held respondent to the gate's endpoint again, with a fresh round of attempts.
func (g *Gate) Retry(ctx context.Context, p *access.Principal, publicID string) (Respondent, error) {
	r, err := g.Respondent(ctx, p.Tenant, publicID)
	if err != nil {
		return r, err
	}
	if g.endpoint(p.Tenant) == nil {
		return r, problem.New(problem.Conflict, "the gate has no endpoint")
	}
	entry, err := p.Entry("respondent.retry", nil, nil, access.Target{Type: "respondent", ID: publicID})
	if err != nil {
		return r, err
	}
	m := &Move{Tenant: p.Tenant, ID: r.ID, From: Held, Round: r.Round, To: Pending, Again: true, Reason: "asked for by hand", Audit: entry}
	c := &Change{Move: m}
	if err := g.writer.do(ctx, c); err != nil {
		return r, err
	}
	if !c.Done {
		return r, problem.New(problem.Conflict, "only one that is held can be retried, this one is %s", r.State)
	}
	r.State, r.Reason, r.DecidedAt = Pending, m.Reason, m.At
	r.Round++
	g.onItsWay(&r)
	return r, nil
}

// Test sends an example to the gate's endpoint now, waits for the answer and returns the attempt, whatever it says. It is
// in the log, and nobody is stored.
func (g *Gate) Test(ctx context.Context, tenant event.TenantID) (*delivery.Attempt, error) {
	w := g.endpoint(tenant)
	if w == nil {
		return nil, problem.New(problem.Conflict, "the gate has no endpoint: set its url first")
	}
	return g.engine.Test(ctx, w, event.Event{
		Tenant: tenant, Type: eventType, Data: []byte(`{"test":` + testPayload + `}`), Time: now(),
	})
}

// testPayload is the example of respondent-gate.txt, "Here is an example:".
const testPayload = `{"campaignId":5000,"respondent":{"address1":"Surveystreet 42","city":"Copenhagen","country":"Denmark","zipCode":"1000",` +
	`"emailAddress":"","firstName":"John","lastName":"doe","title":"Mr.","company":{"name":"Acme INC.","emailAddress":"","industry":"Outdoor Equipment"},` +
	`"phoneNumber":"+4512345678"},"note":"The customer bought several items, seemed very happy","employee":{"email":"","firstName":"Jane","lastName":"Doe",` +
	`"title":"Customer Relations Expert","department":"Customer Service","team":"A","division":"Nordics"},"sender":{"email":"","firstName":"Jane","lastName":"Doe"},` +
	`"doNotContact":false,"custom":{"key1":"Put any valid json here, note that this is still partly in development","key2":"Some data from a phone system"}}`

// once sets the idempotency key: the header's, else the integration's own id of the respondent.
func (r *Respondent) once(p *Payload, key string) {
	switch {
	case key != "":
		r.Once = "h/" + r.Source + "/" + key
	case p.OwnID != "":
		r.Once = "i/" + r.Source + "/" + p.OwnID
	default:
		return
	}
	r.Digest = p.digest()
}

// receive stores a respondent, unless its key was used before.
func (g *Gate) receive(ctx context.Context, r *Respondent) (Received, error) {
	c := &Change{Add: r}
	if err := g.writer.do(ctx, c); err != nil {
		return Received{}, err
	}
	if c.Existing == nil {
		return Received{Respondent: *r}, nil
	}
	if c.Existing.Digest != r.Digest {
		field := "header Idempotency-Key"
		if strings.HasPrefix(r.Once, "i/") {
			field = "id"
		}
		return Received{}, &problem.Error{Kind: problem.Conflict, Detail: "it was used for a respondent with other data",
			Fields: []problem.Field{{Name: field, Reason: "was used for another respondent"}}}
	}
	return Received{Respondent: *c.Existing, Duplicate: true}, nil
}

// normalize brings search texts into the form in which the store has them.
func (q *Query) normalize() {
	q.Email, q.Phone, q.Text = normalEmail(q.Email), normalPhone(q.Phone), strings.TrimSpace(searchForm(q.Text))
}
