// Package gate keeps respondents in campaigns, and lets the customer's own logic decide who gets there
// (respondent-gate.txt).
//
// The idea: a respondent is one row from the moment it is received. With the gate off it is stored at once. With the
// gate on the row is pending, and an event of an internal type is published that names it; the delivery engine takes the
// event to the gate's endpoint like any other, with the same retries, log and egress guard. Its result is a change
// of the row's state from pending, which can happen once only, however often a crash repeats the delivery. So nobody is
// lost, and nobody is stored twice.
//
// The event holds only the row's id, and the endpoint's answers are encrypted in the log with a key in
// the row: erasing the row erases the person from events, log and backups of either.
//
// The parts: payload.go reads what integrations send, contact.go doubts it; intake.go takes respondents in; settings.go
// has the settings; wait.go lets calls wait for verdicts; sender.go is the gate's side of a delivery; verdict.go reads answers; recover.go looks for
// respondents whose event was never published; writer.go commits changes in groups; csv.go exports.
package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/webhook"
)

// Config has the parts that a Gate works with.
type Config struct {
	Store    Store
	Webhooks *webhook.Registry // the gate's endpoint is one of them
	Log      *slog.Logger      // nil: nothing is logged
}

// Gate keeps campaigns and respondents. It is safe for concurrent use. Make it with New; Stop ends it.
type Gate struct {
	store  Store
	hooks  *webhook.Registry
	log    *slog.Logger
	writer *writer

	// Set by Start, before anything is received.
	publisher Publisher
	engine    Engine
	ledger    Ledger
	started   atomic.Bool

	lookAtAll atomic.Bool // whether look is to begin anew

	configured *registry.Registry[configured, struct{}] // the settings of all tenants

	waitMu  sync.Mutex
	waiting map[event.ID]*waiter // guarded by waitMu
	someone chan struct{}        // buffered, 1: somebody began to wait
	gaveUp  context.Context      // ends when no verdict can come any more
	giveUp  context.CancelFunc

	ctx    context.Context // ends with Stop
	cancel context.CancelFunc
	loops  sync.WaitGroup
}

// New returns a Gate with the settings that are stored. Start begins its work.
func New(ctx context.Context, c Config) (*Gate, error) {
	if c.Store == nil || c.Webhooks == nil {
		return nil, errors.New("gate: no store or no webhooks")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	g := &Gate{
		store: c.Store, hooks: c.Webhooks, log: c.Log,
		waiting: make(map[event.ID]*waiter), someone: make(chan struct{}, 1),
	}
	var err error
	g.configured, err = registry.New(registry.Options[configured, struct{}]{
		Key: func(c *configured) (event.TenantID, string) { return c.tenant, "" }, // a tenant has one
	})
	if err == nil {
		err = g.Refresh(ctx)
	}
	if err != nil {
		return nil, err
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.gaveUp, g.giveUp = context.WithCancel(g.ctx)
	g.writer = newWriter(c.Store)
	return g, nil
}

// Stop ends the gate's own work; the engine must be stopped before. Calls that come later are refused. Stopping twice is
// harmless.
func (g *Gate) Stop() {
	g.cancel()
	g.loops.Wait()
	g.writer.stop()
}

// now is the time as it is stored.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

func errNoRespondent() error { return problem.New(problem.NotFound, "there is no such respondent") }

// Respondent returns the tenant's respondent with the public id, else a NotFound problem.
func (g *Gate) Respondent(ctx context.Context, tenant event.TenantID, publicID string) (Respondent, error) {
	id, err := event.ParseID(RespondentPrefix, publicID)
	if err != nil {
		return Respondent{}, errNoRespondent()
	}
	r, ok, err := g.store.RespondentGet(ctx, tenant, id)
	if err != nil {
		return Respondent{}, err
	}
	if !ok {
		return Respondent{}, errNoRespondent()
	}
	return r, nil
}

// Respondents returns respondents newest first, and the cursor for more, zero when there are none.
func (g *Gate) Respondents(ctx context.Context, q Query) ([]Respondent, event.ID, error) {
	g.normalize(&q)
	return g.store.RespondentList(ctx, q)
}

// normalize brings a query into the form in which respondents are stored. A name that no integration has any longer is
// taken as it is: those who came by it are still there.
func (g *Gate) normalize(q *Query) {
	q.normalize()
	if q.Source == "" {
		return
	}
	if name, ok := g.settings(q.Tenant).canonical(q.Source); ok {
		q.Source = name
	}
}

// Count returns how many respondents of the tenant are in the state, counted up to 10,000.
func (g *Gate) Count(ctx context.Context, tenant event.TenantID, s State) (int64, error) {
	return g.store.RespondentCount(ctx, tenant, s)
}

// Erase removes a respondent for good, and with it the log's content about them. Its idempotency key is free again.
func (g *Gate) Erase(ctx context.Context, p *access.Principal, publicID string) error {
	id, err := event.ParseID(RespondentPrefix, publicID)
	if err != nil {
		return errNoRespondent()
	}
	entry, err := p.Entry(actionErase, nil, nil, access.Target{Type: "respondent", ID: publicID})
	if err != nil {
		return err
	}
	n, err := g.store.RespondentErase(ctx, p.Tenant, []event.ID{id}, "", "", entry)
	if err == nil && n == 0 {
		err = errNoRespondent()
	}
	return err
}

// ErasePerson removes all respondents with the e-mail address or the telephone number, of every campaign and state, as
// Erase does, and returns how many there were.
func (g *Gate) ErasePerson(ctx context.Context, p *access.Principal, email, phone string) (int, error) {
	if email == "" && phone == "" {
		return 0, problem.New(problem.Invalid, "emailAddress or phoneNumber must be given")
	}
	email, phone = normalEmail(email), normalPhone(phone)
	older, err := g.olderWith(ctx, p.Tenant, email, phone)
	if err != nil {
		return 0, err
	}
	entry, err := p.Entry(actionErase, nil, nil) // not of whom: that is to be forgotten
	if err != nil {
		return 0, err
	}
	return g.store.RespondentErase(ctx, p.Tenant, older, email, phone, entry)
}

// olderWith returns those that an older version has stored with another idea of equal addresses or numbers. It
// looks at all respondents, as erasing a person is rare, and must find all.
func (g *Gate) olderWith(ctx context.Context, tenant event.TenantID, email, phone string) (ids []event.ID, err error) {
	for _, state := range States {
		q := Query{Tenant: tenant, State: state, Limit: exportPage}
		for {
			list, next, err := g.store.RespondentList(ctx, q)
			if err != nil {
				return nil, err
			}
			for i := range list {
				p, err := ParsePayload(list[i].Payload)
				if err != nil {
					continue // it was read when it was stored
				}
				if email != "" && normalEmail(p.Respondent.EmailAddress) == email || phone != "" && normalPhone(p.Respondent.PhoneNumber) == phone {
					ids = append(ids, list[i].ID)
				}
			}
			if q.Before = next; next == 0 {
				break
			}
		}
	}
	return ids, nil
}

// Unsure says why a telephone number or an e-mail address that ErasePerson is given may not find every record of its person, by
// the field that holds it; empty if both can be compared with certainty.
func Unsure(email, phone string) map[string]string {
	why := make(map[string]string)
	if phone != "" && !isE164(normalPhone(phone)) {
		why["phoneNumber"] = fmt.Sprintf("is not a number in E.164 form, as +4512345678: only records with %q were found, in whatever punctuation", normalPhone(phone))
	}
	if email != "" && !isEmail(normalEmail(email)) {
		why["emailAddress"] = fmt.Sprintf("is not an e-mail address: only records with %q were found", normalEmail(email))
	}
	return why
}

// actionErase is the audit log's name for the removal of respondents.
const actionErase = "respondent.erase"

// audited is a campaign as the audit log shows it.
func (c *Campaign) audited() any {
	return struct {
		Name string `json:"name"`
	}{c.Name}
}

func (c *Campaign) target() access.Target {
	return access.Target{Type: "campaign", ID: strconv.FormatInt(c.ID, 10), Name: c.Name}
}

// maxCampaignName bounds a campaign's name, in bytes.
const maxCampaignName = 200

func checkCampaign(id int64, name string) error {
	switch {
	case id < 1 || id > MaxCampaign:
		return problem.InvalidField("id", "must be an integer from 1 to %d", int64(MaxCampaign))
	case len(name) > maxCampaignName:
		return problem.InvalidField("name", "must have at most %d bytes, got %d", maxCampaignName, len(name))
	}
	return nil
}

func errNoCampaign(id int64) error {
	return problem.New(problem.NotFound, "there is no campaign %d", id)
}

// CreateCampaign makes a campaign; a Conflict problem says that there is one with its id.
func (g *Gate) CreateCampaign(ctx context.Context, p *access.Principal, id int64, name string) (Campaign, error) {
	if err := checkCampaign(id, name); err != nil {
		return Campaign{}, err
	}
	at := now()
	c := Campaign{Tenant: p.Tenant, ID: id, Name: name, CreatedAt: at, UpdatedAt: at}
	entry, err := p.Entry("campaign.create", nil, c.audited(), c.target())
	if err != nil {
		return Campaign{}, err
	}
	ok, err := g.store.CampaignCreate(ctx, c, entry)
	switch {
	case err != nil:
		return c, err
	case !ok:
		return c, problem.New(problem.Conflict, "there is a campaign %d already", id)
	}
	return c, nil
}

// RenameCampaign changes a campaign's name.
func (g *Gate) RenameCampaign(ctx context.Context, p *access.Principal, id int64, name string) (Campaign, error) {
	if err := checkCampaign(id, name); err != nil {
		return Campaign{}, err
	}
	old, err := g.Campaign(ctx, p.Tenant, id)
	if err != nil {
		return Campaign{}, err
	}
	c := Campaign{Tenant: p.Tenant, ID: id, Name: name, UpdatedAt: now()}
	entry, err := p.Entry("campaign.update", old.audited(), c.audited(), c.target())
	if err != nil {
		return Campaign{}, err
	}
	err = g.store.CampaignUpdate(ctx, c, entry)
	if errors.Is(err, ErrNotFound) {
		return Campaign{}, errNoCampaign(id)
	}
	if err != nil {
		return Campaign{}, err
	}
	return g.Campaign(ctx, p.Tenant, id)
}

// Campaign returns a campaign, else a NotFound problem.
func (g *Gate) Campaign(ctx context.Context, tenant event.TenantID, id int64) (Campaign, error) {
	c, ok, err := g.store.CampaignGet(ctx, tenant, id)
	if err == nil && !ok {
		err = errNoCampaign(id)
	}
	return c, err
}

// Campaigns returns up to limit campaigns with ids above after, in order.
func (g *Gate) Campaigns(ctx context.Context, tenant event.TenantID, after int64, limit int) ([]Campaign, error) {
	return g.store.CampaignList(ctx, tenant, after, limit)
}

// DeleteCampaign removes a campaign with all its respondents, as Erase does.
func (g *Gate) DeleteCampaign(ctx context.Context, p *access.Principal, id int64) error {
	c := Campaign{Tenant: p.Tenant, ID: id}
	var before any
	if was, ok, err := g.store.CampaignGet(ctx, p.Tenant, id); err != nil {
		return err
	} else if ok { // it may have respondents without being there itself
		c, before = was, was.audited()
	}
	entry, err := p.Entry("campaign.delete", before, nil, c.target())
	if err != nil {
		return err
	}
	err = g.store.CampaignDelete(ctx, p.Tenant, id, entry)
	if errors.Is(err, ErrNotFound) {
		return errNoCampaign(id)
	}
	if err != nil {
		return fmt.Errorf("deleting a campaign: %w", err)
	}
	return nil
}
