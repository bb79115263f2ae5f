package audience

import (
	"context"

	"github.com/relay-events/relay/internal/event"
)

// Enter puts a profile into an audience; in may be nil.
func (a *Audiences) Enter(ctx context.Context, tenant event.TenantID, number int64, id string, in *Input) error {
	if err := CheckID(id); err != nil {
		return err
	}
	if _, err := a.Audience(tenant, number); err != nil {
		return err
	}
	return a.changeOne(ctx, tenant, id, func(s *standing) error {
		s.enter = number
		return s.apply(in)
	})
}

// Leave takes a profile out of an audience. It reports whether it was in.
func (a *Audiences) Leave(ctx context.Context, tenant event.TenantID, number int64, id string) (bool, error) {
	if _, err := a.Audience(tenant, number); err != nil {
		return false, err
	}
	was := false
	err := a.changeOne(ctx, tenant, id, func(s *standing) error {
		was = s.in(number)
		s.leave = number
		return nil
	})
	return was, err
}

// MemberCount returns how many members an audience has.
func (a *Audiences) MemberCount(ctx context.Context, tenant event.TenantID, number int64) (int64, error) {
	if _, err := a.Audience(tenant, number); err != nil {
		return 0, err
	}
	return a.store.MemberCount(ctx, tenant, number)
}

// Members returns an audience's members with ids above after, in order.
func (a *Audiences) Members(ctx context.Context, tenant event.TenantID, number int64, after string, limit int) ([]Member, error) {
	if _, err := a.Audience(tenant, number); err != nil {
		return nil, err
	}
	return a.store.MemberList(ctx, tenant, number, after, limit)
}
