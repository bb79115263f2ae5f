package gate

import (
	"context"
	"strings"

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
func (g *Gate) Add(ctx context.Context, tenant event.TenantID, p *Payload, key string) (Received, error) {
	at := now()
	r := &Respondent{Tenant: tenant, State: Stored, CreatedAt: at, DecidedAt: at, Reason: "added directly"}
	p.fill(r)
	r.once(p, key)
	return g.receive(ctx, r)
}

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

// normalize brings what is searched for into the form it is stored in.
func (q *Query) normalize() {
	q.Email, q.Phone, q.Text = normalEmail(q.Email), normalPhone(q.Phone), strings.ToLower(strings.TrimSpace(q.Text))
}
