package connector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// composed has the parts of a message.
type composed struct {
	item    *ConnectionItem
	def     *Definition
	account *Account
	entries []*entry
	list    []*Sending
	groupID string
}

// Compose implements destination.Composer.
func (s *sender) Compose(ctx context.Context, m *destination.Message) error {
	c, tenant := s.connectors, s.hook.Tenant
	settleAll := func(why string) {
		for i := range m.Items {
			m.Items[i].Settled = why
		}
	}
	it, err := c.connections.Get(tenant, s.connection)
	if err != nil {
		settleAll("the connection was deleted")
		return nil
	}
	e, err := c.DefinitionOf(tenant, &it.Value)
	if err != nil {
		return err
	}
	list, err := c.open(ctx, tenant, m.Items)
	if err != nil {
		return err
	}
	comp := &composed{item: it, def: e.Definition, account: it.Value.account(), groupID: groupID(m)}
	skip := make(map[string][]*Sending) // by source
	bytes := 0
	for i, x := range list {
		item := &m.Items[i]
		if item.Settled = x.Settled; x.Settled != "" {
			continue
		}
		made, err := e.prepare(comp.account, &x.Profile, func(payload []byte) ([]byte, error) {
			return c.runScript(ctx, tenant, e.transform, payload)
		})
		if err == nil && e.State == Testing && x.source != "" && !x.Profile.Test {
			err = notTested
		}
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			var why skipped
			x.Skipped = errors.As(err, &why)
			x.Verdict, x.Words = Rejected, err.Error()
			item.Settled = x.Words
			skip[x.source] = append(skip[x.source], x)
			continue
		}
		x.Item = made.item
		if len(comp.entries) > 0 && (made.group != comp.entries[0].group || e.Aggregate != nil && bytes+len(made.item)+1 > e.Aggregate.MaxBytes) {
			item.Later = true
			continue
		}
		bytes += len(made.item) + 1
		item.Note = x
		comp.entries, comp.list = append(comp.entries, made), append(comp.list, x)
	}
	for name, list := range skip {
		if name == "" {
			continue
		}
		if err := c.source(name).End(ctx, tenant, list); err != nil {
			return err
		}
	}
	if err := s.begin(ctx, m, comp); err != nil || len(comp.entries) == 0 {
		return err
	}
	shown, err := comp.def.build(comp.account, comp.entries, comp.groupID, true)
	if err != nil {
		// One that leaves where the partner has nothing for that, or values that make no request.
		for i := range m.Items {
			if m.Items[i].Note != nil {
				m.Items[i].Settled, m.Items[i].Note = err.Error(), nil
			}
		}
		return s.end(ctx, comp.list, func(x *Sending) { x.Verdict, x.Words = Rejected, err.Error() })
	}
	m.Body, m.ContentType, m.BodyFormat = shown.Body, shown.contentType(), ""
	if comp.personal() {
		m.BodyFormat = Owner // keeps the body out of the log: see Reveal
	}
	if m.Body == nil {
		m.Body = []byte{}
	}
	for i := range m.Items {
		if x, ok := m.Items[i].Note.(*Sending); ok {
			m.Items[i].Note = &noted{x, comp}
		}
	}
	return nil
}

// noted is the note of a message's item until it is settled.
type noted struct {
	*Sending
	comp *composed
}

// personal reports whether the message is about profiles of a source, who may be erased: the log must not hold them.
func (comp *composed) personal() bool {
	return slices.ContainsFunc(comp.list, func(x *Sending) bool { return x.source != "" })
}

// begin lets the sources note the items about to be sent, and removes those that need not be sent after all.
func (s *sender) begin(ctx context.Context, m *destination.Message, comp *composed) error {
	if m.Test {
		return nil
	}
	by := make(map[string][]*Sending)
	for _, x := range comp.list {
		if x.source != "" {
			by[x.source] = append(by[x.source], x)
		}
	}
	for name, list := range by {
		if err := s.connectors.source(name).Begin(ctx, s.hook.Tenant, list); err != nil {
			return err
		}
	}
	entries, list := comp.entries[:0], comp.list[:0]
	for i, x := range comp.list {
		if x.Settled == "" {
			entries, list = append(entries, comp.entries[i]), append(list, x)
		}
	}
	comp.entries, comp.list = entries, list
	for i := range m.Items {
		if x, ok := m.Items[i].Note.(*Sending); ok && x.Settled != "" {
			m.Items[i].Settled, m.Items[i].Note = x.Settled, nil
		}
	}
	return nil
}

// open reads the items that the events of a message name.
func (c *Connectors) open(ctx context.Context, tenant event.TenantID, items []destination.Item) ([]*Sending, error) {
	out := make([]*Sending, len(items))
	refs := make(map[string][][]byte)
	at := make(map[string][]int)
	for i := range items {
		var data eventData
		if err := json.Unmarshal(items[i].Event.Data, &data); err != nil {
			out[i] = &Sending{Settled: "internal error: data of an event of a connection"}
			continue
		}
		if data.Test != nil {
			p, err := ParsePayload(data.Test)
			out[i] = &Sending{Profile: Profile{Payload: p, Operation: data.Operation, SendID: items[i].Delivery.String()}}
			if err != nil {
				out[i].Settled = err.Error()
			}
			continue
		}
		if c.source(data.Source) == nil {
			out[i] = &Sending{Settled: fmt.Sprintf("this server has no %q", problem.Clip(data.Source))}
			continue
		}
		refs[data.Source], at[data.Source] = append(refs[data.Source], data.Ref), append(at[data.Source], i)
	}
	for name, list := range refs {
		opened, err := c.source(name).Open(ctx, tenant, list)
		if err != nil {
			return nil, err
		}
		for k, x := range opened {
			x.source = name
			out[at[name][k]] = x
		}
	}
	return out, nil
}

// groupID is the id of the request, the same in each attempt.
func groupID(m *destination.Message) string {
	if m.ID != "" {
		return m.ID
	}
	return m.Items[0].Delivery.String()
}
