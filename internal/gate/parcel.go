package gate

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/exchange"
)

// Owner is the gate's name as the owner of webhooks: see delivery.Owner.
const Owner = "gate"

// eventType is the type of the events that name a respondent on its way to the endpoint.
const eventType = "gate:respondent"

// An event's data is {"respondent":"rsp_…","round":1}: nothing about a person, so that erasing the row is enough. That of
// a test is {"test":PAYLOAD}.

// reference returns the data of a respondent's event.
func reference(id event.ID, round int) []byte {
	return fmt.Appendf(nil, `{"respondent":%q,"round":%d}`, id.Public(RespondentPrefix), round)
}

// readReference is the reverse; test is the payload of a test.
func readReference(data []byte) (id event.ID, round int, test []byte, err error) {
	if v, ok := rawjson.Pick(data, "test"); ok {
		return 0, 0, v.Raw, nil
	}
	name, _ := rawjson.Pick(data, "respondent")
	number, _ := rawjson.Pick(data, "round")
	text, err := name.String()
	if err == nil {
		id, err = event.ParseID(RespondentPrefix, text)
	}
	n, err2 := number.Int64()
	if err != nil || err2 != nil {
		return 0, 0, nil, fmt.Errorf("internal error: data of an event of type %q", eventType)
	}
	return id, int(n), nil, nil
}

// parcel is the gate's side of a delivery.
type parcel struct {
	gate *Gate
	// settings are those at the time it was opened: an answer means what it meant when it was asked for.
	settings *Settings
	row      Respondent
	test     bool
	verdict  verdict // what Judge has read
}

// Open implements delivery.Owner.
func (g *Gate) Open(ctx context.Context, ev *event.Event) (delivery.Parcel, error) {
	id, round, test, err := readReference(ev.Data)
	if err != nil {
		return nil, &delivery.SettledError{Why: err.Error()}
	}
	p := &parcel{gate: g, settings: g.settings(ev.Tenant)}
	if test != nil {
		p.test, p.row.Payload = true, test
		return p, nil
	}
	r, ok, err := g.store.RespondentGet(ctx, ev.Tenant, id)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, &delivery.SettledError{Why: "the respondent was erased"}
	case r.State != Pending || r.Round != round:
		return nil, &delivery.SettledError{Why: "the respondent was decided already: " + r.State.String()}
	}
	p.row = r
	return p, nil
}

// Body implements delivery.Parcel.
func (p *parcel) Body() []byte { return p.row.Payload }

// Judge implements delivery.Parcel.
func (p *parcel) Judge(res *exchange.Response) string {
	if p.settings.Mode != Decide {
		return ""
	}
	var why string
	p.verdict, why = readVerdict(res, p.row.Payload)
	return why
}

// Settle implements delivery.Parcel: the respondent goes from pending to where it ends, once.
func (p *parcel) Settle(ctx context.Context, a *delivery.Attempt) error {
	if p.test {
		return nil
	}
	m := &Move{Tenant: p.row.Tenant, ID: p.row.ID, From: Pending, Round: p.row.Round, At: now()}
	switch {
	case a.Outcome != delivery.Delivered:
		m.To, m.Reason = p.settings.OnFailure.state(), "the gate's endpoint could not be asked: "+a.Error
	case p.settings.Mode != Decide:
		m.To, m.Reason = Forwarded, "the gate's endpoint has taken it over"
	case p.verdict.accept:
		m.To, m.Reason = Stored, "accepted by the gate's endpoint"
		if c := p.verdict.changed; c != nil {
			m.Reason = "accepted by the gate's endpoint, with changes"
			m.Changed = new(Respondent)
			c.fill(m.Changed)
		}
	default:
		m.To, m.Reason = Rejected, "rejected by the gate's endpoint"
	}
	if a.Outcome == delivery.Delivered && p.verdict.reason != "" {
		m.Reason += ": " + p.verdict.reason
	}
	if err := p.gate.writer.do(ctx, &Change{Move: m}); err != nil {
		return err
	}
	p.gate.decided(p.row.ID)
	return nil
}

// Conceal implements delivery.Parcel: only the key in the respondent's row opens the answer again.
func (p *parcel) Conceal(res *exchange.Response) {
	if p.test || len(res.Body) == 0 {
		return
	}
	c, err := logCipher(p.row.LogKey)
	if err != nil {
		res.Body = nil
		return
	}
	nonce := make([]byte, c.NonceSize(), c.NonceSize()+len(res.Body)+c.Overhead())
	rand.Read(nonce) // never fails, see crypto/rand
	res.Body = c.Seal(nonce, nonce, res.Body, nil)
}

// logKeyBytes is the length of the key of a respondent's answers in the log: AES-128.
const logKeyBytes = 16

func newLogKey() []byte {
	k := make([]byte, logKeyBytes)
	rand.Read(k)
	return k
}

func logCipher(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Reveal implements delivery.Owner. Without the respondent's row there is nothing to show.
func (g *Gate) Reveal(ctx context.Context, ev *event.Event, a *delivery.Attempt) error {
	concealed := []byte(nil)
	if a.Response != nil {
		concealed, a.Response.Body = a.Response.Body, nil
	}
	a.Request.Body = nil
	if ev == nil {
		return nil
	}
	id, _, _, err := readReference(ev.Data)
	if err != nil {
		return nil //nolint:nilerr // there is nothing to show of it
	}
	r, ok, err := g.store.RespondentGet(ctx, ev.Tenant, id)
	if err != nil || !ok {
		return err
	}
	a.Request.Body = r.Payload
	c, err := logCipher(r.LogKey)
	if err == nil && len(concealed) > c.NonceSize() {
		a.Response.Body, err = c.Open(nil, concealed[:c.NonceSize()], concealed[c.NonceSize():], nil)
	}
	if err != nil && a.Response != nil {
		a.Response.Body = nil // concealed with a key that is no more
	}
	return nil
}
