package connector

import (
	"context"
	"encoding/json"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/webhook"
)

// The events of a connection are of a type of its own, and name the messages to send: {"source":"audience","ref":…}. The
// event of a test is {"test":PAYLOAD,"operation":"enter"}.

// eventType returns the type of a connection's events.
func eventType(connection string) string { return "connector:" + connection }

type eventData struct {
	Source    string          `json:"source,omitempty"`
	Ref       json.RawMessage `json:"ref,omitempty"`
	Test      json.RawMessage `json:"test,omitempty"`
	Operation Operation       `json:"operation,omitempty"`
}

// Source is a product that sends profiles by connections: audiences.
type Source interface {
	// Open reads the messages that the references name. A Sending with Settled is sent no more.
	Open(ctx context.Context, tenant event.TenantID, refs [][]byte) ([]*Sending, error)
	// Begin notes durably that these are about to be sent; it sets Settled of those that are not to be sent after all.
	Begin(ctx context.Context, tenant event.TenantID, list []*Sending) error
	// End notes how they have ended, durably and once, however often it is called.
	End(ctx context.Context, tenant event.TenantID, list []*Sending) error
	// MayDelete says why a connection cannot be deleted.
	MayDelete(tenant event.TenantID, connection string) error
}

// Sending is a profile on its way to a partner.
type Sending struct {
	Ref     []byte
	Profile Profile
	Settled string // why nothing is to be sent; empty: it is sent
	Note    any    // the source's own

	// Item is the profile's item, made by the definition, once Begin is called.
	Item []byte
	// How it ended, for End. Skipped: by the definition's own choice; Words say why.
	Verdict Verdict
	Skipped bool
	Words   string

	source string
	ended  bool
}

// Publisher stores events; ingest.Ingester does.
type Publisher interface {
	Publish(ctx context.Context, p *ingest.Publication) error
}

// Engine makes attempts; delivery.Engine does.
type Engine interface {
	Test(ctx context.Context, w *webhook.Webhook, ev event.Event) (*delivery.Attempt, error)
}

// Start hands over what connectors work with; before, nothing is sent.
func (c *Connectors) Start(publisher Publisher, engine Engine) {
	c.ledger, c.engine = publisher, engine
}

// AddSource registers a product before the engine is started.
func (c *Connectors) AddSource(name string, s Source) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sources[name] = s
}

func (c *Connectors) source(name string) Source {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.sources[name]
}

func (c *Connectors) allSources() (list []Source) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, s := range c.sources {
		list = append(list, s)
	}
	return list
}

// Event returns the event by which a source's reference is sent through a connection. once is the same for the same send.
func Event(tenant event.TenantID, connection, source string, ref []byte, once string) ingest.Item {
	data, _ := json.Marshal(eventData{Source: source, Ref: ref}) // checked by its maker
	return ingest.Item{
		Event: event.Event{Tenant: tenant, Type: eventType(connection), Data: data, Time: time.Now().UTC().Truncate(time.Millisecond)},
		Key:   "c" + once,
	}
}

// Publish hands events of Event to the engine.
func (c *Connectors) Publish(ctx context.Context, tenant event.TenantID, items []ingest.Item) error {
	if len(items) == 0 {
		return nil
	}
	p := &ingest.Publication{Tenant: tenant, Operational: true, Items: items}
	if err := c.ledger.Publish(ctx, p); err != nil {
		return err
	}
	return p.Err
}
