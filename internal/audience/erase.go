package audience

import (
	"context"

	"github.com/relay-events/relay/internal/access"
)

// Erase removes a profile for good. It leaves all audiences first, so that partners that can be told to remove it are; its
// rows go when they have been asked.
func (a *Audiences) Erase(ctx context.Context, p *access.Principal, id string) error {
	if _, err := a.Profile(ctx, p.Tenant, id); err != nil {
		return err
	}
	entry, err := p.Entry("profile.erase", nil, nil, access.Target{Type: "profile", ID: id})
	if err != nil {
		return err
	}
	return a.write(ctx, p.Tenant, "erasing a profile", func() (*Change, []*Row, error) {
		all, err := a.standings(ctx, p.Tenant, []string{id})
		if err != nil {
			return nil, nil, err
		}
		s := all[id]
		c := &Change{Tenant: p.Tenant, Leave: s.members, Entries: []*access.Entry{entry}}
		var publish []*Row
		for i := range s.rows {
			row := &s.rows[i]
			if row.Entry == 0 {
				row.Sync.Forget = true
				if row.Sync.Wants(false, false, now()); row.Sync.Sent {
					row.Sync.Again() // also if its removal was rejected before
				}
			} else if row.Sync.State != SendingState {
				row.Sync.Turn = 0
			}
			if c.put(row); row.Sync.Turn != 0 {
				publish = append(publish, row)
			}
		}
		s.profile.Erasing, s.profile.DoNotContact = true, true
		if c.Put = []*Profile{&s.profile}; !s.waiting() {
			return &Change{Tenant: p.Tenant, Erase: []string{id}, Entries: c.Entries}, nil, nil
		}
		return c, publish, nil
	})
}
