package audience

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
)

// page is how many profiles are read or changed together.
const page = 500

// standing is all that is known of a profile while it is changed.
type standing struct {
	profile      Profile
	members      []Member
	rows         []Row
	put, changed bool  // the profile is to be stored; it differs from before
	enter, leave int64 // audiences; 0: none
}

// apply changes the profile as somebody wants it. A nil in only makes a profile that is not there.
func (s *standing) apply(in *Input) error {
	if in == nil {
		s.put = s.put || s.profile.Version == 0
		return nil
	}
	before, err := json.Marshal(&s.profile)
	if err != nil {
		return fmt.Errorf("writing a profile: %w", err)
	}
	if err := in.apply(&s.profile); err != nil {
		return err
	}
	after, err := json.Marshal(&s.profile)
	if err != nil {
		return fmt.Errorf("writing a profile: %w", err)
	}
	if string(before) != string(after) {
		s.changed = true
	}
	s.put = s.put || s.changed || s.profile.Version == 0
	return nil
}

func (s *standing) in(audience int64) bool {
	return slices.ContainsFunc(s.members, func(m Member) bool { return m.Audience == audience })
}

func (s *standing) row(attachment string, entry int64) *Row {
	i := slices.IndexFunc(s.rows, func(r Row) bool { return r.Attachment == attachment && r.Entry == entry })
	if i < 0 {
		return nil
	}
	return &s.rows[i]
}

// waiting reports whether something of the profile is on its way.
func (s *standing) waiting() bool {
	return slices.ContainsFunc(s.rows, func(r Row) bool { return r.Sync.Turn != 0 })
}

// standings reads profiles, which are named once each.
func (a *Audiences) standings(ctx context.Context, tenant event.TenantID, ids []string) (map[string]*standing, error) {
	profiles, members, rows, err := a.store.Standings(ctx, tenant, ids)
	if err != nil {
		return nil, err
	}
	all := make(map[string]*standing, len(ids))
	for _, id := range ids {
		all[id] = &standing{profile: Profile{Tenant: tenant, ID: id, CreatedAt: now()}}
	}
	for i := range profiles {
		all[profiles[i].ID].profile = profiles[i]
	}
	for _, m := range members {
		all[m.Profile].members = append(all[m.Profile].members, m)
	}
	for i := range rows {
		s := all[rows[i].Profile]
		s.rows = append(s.rows, rows[i])
	}
	return all, nil
}

// changeTries bounds how often a change is made again because another was faster.
const changeTries = 20

// write makes a change and publishes the events of the rows that follow from it. make is called again if something of it
// was changed meanwhile.
func (a *Audiences) write(ctx context.Context, tenant event.TenantID, what string, make func() (*Change, []*Row, error)) error {
	for try := 1; ; try++ {
		c, publish, err := make()
		if err != nil {
			return err
		}
		if c.empty() {
			return nil
		}
		c.Watched = a.watched(c)
		err = a.store.AudienceChange(ctx, c)
		if errors.Is(err, ErrChanged) && try < changeTries {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if len(c.Watched) > 0 {
			a.watcher.Crossed()
		}
		return a.publish(ctx, tenant, publish)
	}
}

// change reads profiles, has f change each, and stores what follows for the partners in one transaction, with the task.
func (a *Audiences) change(ctx context.Context, tenant event.TenantID, ids []string, task *Task, f func(*standing) error) error {
	ids = unique(ids)
	return a.write(ctx, tenant, "changing profiles", func() (*Change, []*Row, error) {
		all, err := a.standings(ctx, tenant, ids)
		if err != nil {
			return nil, nil, err
		}
		c := &Change{Tenant: tenant, Task: task}
		targets := a.targets(tenant)
		var publish []*Row
		for _, id := range ids {
			if err := f(all[id]); err != nil {
				return nil, nil, err
			}
			publish = append(publish, a.follow(c, targets, all[id])...)
		}
		return c, publish, nil
	})
}

func (a *Audiences) changeOne(ctx context.Context, tenant event.TenantID, id string, f func(*standing) error) error {
	return a.change(ctx, tenant, []string{id}, nil, f)
}

// target is an attachment with what it is sent by.
type target struct {
	it         *Item
	number     int64
	attachment *Attachment
	connection *connector.ConnectionItem
	definition *connector.Definition
}

// targets returns the tenant's attachments that can be sent by.
func (a *Audiences) targets(tenant event.TenantID) (list []target) {
	for _, it := range a.records.List(tenant) {
		for i := range it.Value.Attachments {
			att := &it.Value.Attachments[i]
			con, err := a.connectors.Connection(tenant, att.Connection)
			if err != nil {
				continue
			}
			d, err := a.connectors.DefinitionOf(tenant, &con.Value)
			if err != nil {
				continue
			}
			list = append(list, target{it, Number(it), att, con, d.Definition})
		}
	}
	return list
}

// follow adds to a change what follows from a profile's new standing, and returns the rows whose events are to be published.
func (a *Audiences) follow(c *Change, targets []target, s *standing) (publish []*Row) {
	at := now()
	p := &s.profile
	if s.put {
		p.UpdatedAt = at
		c.Put = append(c.Put, p)
	}
	in := make(map[int64]bool)
	for _, m := range s.members {
		in[m.Audience] = true
	}
	entered := s.enter != 0 && !in[s.enter] && !p.Erasing // one that is being erased goes nowhere
	if entered {
		in[s.enter] = true
		c.Join = append(c.Join, Member{p.Tenant, s.enter, p.ID, at})
	}
	if s.leave != 0 && in[s.leave] {
		delete(in, s.leave)
		c.Leave = append(c.Leave, Member{Tenant: p.Tenant, Audience: s.leave, Profile: p.ID})
	}
	for _, t := range targets {
		if t.attachment.Leaving != "" {
			continue // its task decides
		}
		var row *Row
		if t.definition.Kind == connector.Message {
			if !entered || t.number != s.enter {
				continue
			}
			row = &Row{Tenant: p.Tenant, Attachment: t.attachment.ID, Profile: p.ID, Audience: t.number, Entry: time.Now().UnixNano()}
			payload := a.payload(&t, p)
			row.Frozen = payload.Append(nil)
			row.Sync.Wants(true, false, at)
			if why := t.attachment.bars(p); why != "" {
				row.Sync.Suppress(why, at)
			}
		} else if row = a.listRow(s, &t, in[t.number], at); row == nil {
			continue
		}
		if c.put(row); row.Sync.Turn != 0 {
			publish = append(publish, row)
		}
	}
	return publish
}

// put stores a row, or deletes one that has nothing to say any more.
func (c *Change) put(r *Row) {
	switch {
	case !r.Sync.over():
		c.Rows = append(c.Rows, r)
	case r.Version != 0:
		c.Gone = append(c.Gone, r)
	}
}

// listRow returns the row of a list if anything about it changes.
func (a *Audiences) listRow(s *standing, t *target, in bool, at time.Time) *Row {
	row := s.row(t.attachment.ID, 0)
	if row == nil {
		if !in {
			return nil
		}
		row = &Row{Tenant: s.profile.Tenant, Attachment: t.attachment.ID, Profile: s.profile.ID, Audience: t.number}
		// Turns must not come again when the row does: events of the same turn are stored once.
		row.Sync.Turns = time.Now().UnixMicro()
	}
	why := ""
	if in {
		why = t.attachment.bars(&s.profile)
	}
	again := s.changed && (t.attachment.OnUpdate || !row.Sync.Sent)
	changed := row.Sync.Wants(in && why == "", again, at)
	switch {
	case why != "":
		changed = row.Sync.Bar(why, at) || changed
	case row.Sync.State == Suppressed: // it has left
		row.Sync.State, row.Sync.Words, changed = None, "", true
	}
	if !changed {
		return nil
	}
	return row
}

// publish hands the events of rows to the engine.
func (a *Audiences) publish(ctx context.Context, tenant event.TenantID, rows []*Row) error {
	for part := range slices.Chunk(rows, page) {
		var items []ingest.Item
		for _, r := range part {
			att := a.attachment(tenant, r.Audience, r.Attachment)
			if att == nil {
				continue
			}
			ref, err := json.Marshal(reference{r.Audience, r.Attachment, r.Profile, r.Entry, r.Sync.Turn})
			if err != nil {
				return fmt.Errorf("writing a reference: %w", err)
			}
			items = append(items, connector.Event(tenant, att.Connection, sourceName, ref, "a"+string(ref)))
		}
		if err := a.connectors.Publish(ctx, tenant, items); err != nil {
			return err
		}
	}
	return nil
}

// payload makes the documented payload of a profile.
func (a *Audiences) payload(t *target, p *Profile) connector.Payload {
	number := a.connectors.PartnerNumberOf(t.definition, &t.connection.Value)
	return connector.Payload{
		SiteNumber: t.connection.Value.SiteNumber, PartnerNumber: number, AudienceID: t.attachment.ExternalID, Audience: t.number,
		PartnerIDs: p.PartnerIDs[strconv.FormatInt(number, 10)], Variables: p.Variables, ProfileID: p.ID, SourceID: p.SourceID, Data: t.it.Value.Data,
	}
}
