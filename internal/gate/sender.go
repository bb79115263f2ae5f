package gate

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"

	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/webhook"
)

// Owner is the gate's name as the owner of webhooks: see destination.Wrapper.
const Owner = "gate"

// endpoint returns the webhook of the tenant's gate, nil for none. A gate has one.
func (g *Gate) endpoint(tenant event.TenantID) *webhook.Webhook {
	if list := g.hooks.Owned(tenant, Owner); len(list) > 0 {
		return list[0]
	}
	return nil
}

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

// sender delivers the payload of a respondent, instead of the event, to the gate's endpoint, and applies the answer to the
// respondent. It sends through the sender of whatever destination the endpoint is.
type sender struct {
	destination.Sender // the endpoint's
	gate               *Gate
}

var (
	_ destination.Wrapper  = (*Gate)(nil)
	_ destination.Composer = sender{}
	_ destination.Settler  = sender{}
	_ destination.Revealer = sender{}
)

// Wrap implements destination.Wrapper.
func (g *Gate) Wrap(_ *webhook.Webhook, next destination.Sender) destination.Sender {
	return sender{next, g}
}

// asked is a respondent about whom the endpoint is asked.
type asked struct {
	// settings are those at the time of the request: an answer keeps the meaning that it had when it was asked for.
	settings *Settings
	row      Respondent
	test     bool
	verdict  verdict // once there is an answer
}

// open returns the respondent that an event names. settled says why there is nothing to ask any more.
func (g *Gate) open(ctx context.Context, ev *event.Event) (a *asked, settled string, err error) {
	id, round, test, err := readReference(ev.Data)
	if err != nil {
		return nil, err.Error(), nil
	}
	a = &asked{settings: g.settings(ev.Tenant)}
	if test != nil {
		a.test, a.row.Payload = true, test
		return a, "", nil
	}
	r, ok, err := g.store.RespondentGet(ctx, ev.Tenant, id)
	switch {
	case err != nil:
		return nil, "", err
	case !ok:
		return nil, "the respondent was erased", nil
	case r.State != Pending || r.Round != round:
		return nil, "the respondent was decided already: " + r.State.String(), nil
	}
	a.row = r
	return a, "", nil
}

// Compose implements destination.Composer.
func (s sender) Compose(ctx context.Context, m *destination.Message) error {
	item := &m.Items[0] // the gate's endpoint gets no batches
	a, settled, err := s.gate.open(ctx, item.Event)
	if err != nil {
		return err
	}
	if item.Settled = settled; settled == "" {
		item.Note, m.Body = a, a.row.Payload
	}
	return nil
}

// Send implements destination.Sender: it reads the answer, and encrypts it for the log.
func (s sender) Send(ctx context.Context, m *destination.Message) destination.Result {
	a := m.Items[0].Note.(*asked)
	r := s.Sender.Send(ctx, m)
	if r.Class == destination.Done {
		a.judge(ctx, &r)
	}
	if r.Response != nil {
		a.conceal(r.Response)
	}
	return r
}

// judge reads the verdict of an answer that was accepted so far.
func (a *asked) judge(ctx context.Context, r *destination.Result) {
	if a.settings.Mode != Decide {
		return
	}
	var why string
	a.verdict, why = readVerdict(r.Response, a.row.Payload)
	switch {
	case why == "":
		return
	case r.Cut == exchange.Canceled && ctx.Err() != nil:
		r.Class = destination.Interrupted
	case r.Cut != "": // the answer may have been a decision, had it come whole
		r.Class, r.Reason = destination.Unreachable, r.Cut
	default:
		r.Class, r.Reason, r.Text = destination.Refused, exchange.Answer, why
	}
	r.Code = 0 // as if no answer had come
}

// Settle implements destination.Settler: the respondent goes from pending to where it ends, once.
func (s sender) Settle(ctx context.Context, e *destination.Ending) error {
	a, ok := e.Item.Note.(*asked)
	if !ok { // nothing was sent
		var settled string
		var err error
		if a, settled, err = s.gate.open(ctx, e.Item.Event); err != nil || settled != "" {
			return err
		}
	}
	if a.test {
		return nil
	}
	m := &Move{Tenant: a.row.Tenant, ID: a.row.ID, From: Pending, Round: a.row.Round, At: now()}
	switch {
	case !e.Delivered:
		m.To, m.Reason = a.settings.OnFailure.state(), "the gate's endpoint could not be asked: "+e.Text
	case a.settings.Mode != Decide:
		m.To, m.Reason = Forwarded, "the gate's endpoint has taken it over"
	case a.verdict.accept:
		m.To, m.Reason = Stored, "accepted by the gate's endpoint"
		if c := a.verdict.changed; c != nil {
			m.Reason = "accepted by the gate's endpoint, with changes"
			m.Changed = new(Respondent)
			c.fill(m.Changed)
		}
	default:
		m.To, m.Reason = Rejected, "rejected by the gate's endpoint"
	}
	if e.Delivered && a.verdict.reason != "" {
		m.Reason += ": " + a.verdict.reason
	}
	if err := s.gate.writer.do(ctx, &Change{Move: m}); err != nil {
		return err
	}
	s.gate.decided(a.row.ID)
	return nil
}

// conceal encrypts an answer for the log: only the key in the respondent's row opens it again.
func (a *asked) conceal(res *exchange.Response) {
	if a.test || len(res.Body) == 0 {
		return
	}
	c, err := logCipher(a.row.LogKey)
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

// Reveal implements destination.Revealer. Without the respondent's row there is nothing to show.
func (s sender) Reveal(ctx context.Context, ev *event.Event, req *exchange.Request, res *exchange.Response) error {
	concealed := []byte(nil)
	if res != nil {
		concealed, res.Body = res.Body, nil
	}
	req.Body = nil
	if ev == nil {
		return nil
	}
	id, _, _, err := readReference(ev.Data)
	if err != nil {
		return nil //nolint:nilerr // there is nothing to show of it
	}
	r, ok, err := s.gate.store.RespondentGet(ctx, ev.Tenant, id)
	if err != nil || !ok {
		return err
	}
	req.Body = r.Payload
	c, err := logCipher(r.LogKey)
	if err == nil && len(concealed) > c.NonceSize() {
		res.Body, err = c.Open(nil, concealed[:c.NonceSize()], concealed[c.NonceSize():], nil)
	}
	if err != nil && res != nil {
		res.Body = nil // concealed with a key that is no more
	}
	return nil
}
