package tables

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/portal"
)

// PortalLinkCreate implements portal.Store.
func (t *Tables) PortalLinkCreate(ctx context.Context, l *portal.Link, quota portal.Quota, entry *access.Entry) error {
	body, err := json.Marshal(&l.Grant)
	if err == nil {
		err = t.write(ctx, t.config, func(x tx) error {
			if quota != nil { // one creation counts at a time
				if _, err := x.exec("TenantLock", l.Tenant); err != nil {
					return err
				}
			}
			_, err := x.exec("PortalLinkInsert", l.ID, l.Hash[:], l.Tenant, l.Session, string(body), l.CreatedAt, l.ExpiresAt)
			if err == nil && quota != nil {
				var count int64
				if count, err = x.integer("PortalLinkCount", l.Tenant, l.CreatedAt); err == nil {
					err = quota.Check(count)
				}
			}
			if err == nil {
				err = x.audit(entry)
			}
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("storing a portal link: %w", err)
	}
	return nil
}

// PortalLinkCount implements portal.Store.
func (t *Tables) PortalLinkCount(ctx context.Context, tenant event.TenantID, at time.Time) (n int64, err error) {
	err = t.read(ctx, t.config, func(x tx) (err error) { n, err = x.integer("PortalLinkCount", tenant, at); return err })
	if err != nil {
		return 0, fmt.Errorf("counting portal links: %w", err)
	}
	return n, nil
}

func scanPortalLink(scan scan) (l portal.Link, err error) {
	var hash []byte
	var body string
	err = scan(&l.ID, &hash, &l.Tenant, &l.Session, &body, &l.CreatedAt, &l.ExpiresAt, &l.Opens)
	copy(l.Hash[:], hash)
	if err == nil {
		err = json.Unmarshal([]byte(body), &l.Grant)
	}
	return l, err
}

// PortalLinkList implements portal.Store.
func (t *Tables) PortalLinkList(ctx context.Context, q portal.Query, at time.Time) (page []portal.Link, more bool, err error) {
	page, err = list(ctx, t, t.config, scanPortalLink, "PortalLinkList", q.Tenant, q.After, q.Session, at, q.Limit+1)
	if err != nil {
		return nil, false, fmt.Errorf("listing portal links: %w", err)
	}
	if more = len(page) > q.Limit; more {
		page = page[:q.Limit]
	}
	return page, more, nil
}

// PortalLinkFind implements portal.Store.
func (t *Tables) PortalLinkFind(ctx context.Context, hash [32]byte) (portal.Link, bool, error) {
	l, ok, err := first(ctx, t, t.config, scanPortalLink, "PortalLinkFind", hash[:])
	if err != nil {
		return l, false, fmt.Errorf("reading a portal link: %w", err)
	}
	return l, ok, nil
}

// PortalOpen implements portal.Store.
func (t *Tables) PortalOpen(ctx context.Context, s *portal.Session, most int, entry *access.Entry) error {
	body, err := json.Marshal(&s.Grant)
	if err == nil {
		err = t.write(ctx, t.config, func(x tx) error {
			// The statement locks the link: whoever ends it at the same moment waits, and ends this session.
			err := x.changeOne(portal.ErrNotFound, "PortalLinkOpen", s.Link, s.Tenant, s.CreatedAt, most)
			if err == nil {
				_, err = x.exec("PortalSessionInsert", s.ID, s.Hash[:], s.Tenant, s.Link, s.Session, string(body), s.CreatedAt, s.ExpiresAt)
			}
			if err == nil {
				err = x.audit(entry)
			}
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("opening a portal link: %w", err)
	}
	return nil
}

// PortalSessionFind implements portal.Store.
func (t *Tables) PortalSessionFind(ctx context.Context, hash [32]byte) (portal.Session, bool, error) {
	s, ok, err := first(ctx, t, t.config, func(scan scan) (s portal.Session, err error) {
		var hash []byte
		var body string
		err = scan(&s.ID, &hash, &s.Tenant, &s.Link, &s.Session, &body, &s.CreatedAt, &s.ExpiresAt)
		copy(s.Hash[:], hash)
		if err == nil {
			err = json.Unmarshal([]byte(body), &s.Grant)
		}
		return s, err
	}, "PortalSessionFind", hash[:])
	if err != nil {
		return s, false, fmt.Errorf("looking up a portal session: %w", err)
	}
	return s, ok, nil
}

// PortalEnd implements portal.Store.
func (t *Tables) PortalEnd(ctx context.Context, tenant event.TenantID, id, session string, entry *access.Entry) error {
	err := t.write(ctx, t.config, func(x tx) error {
		// Links first, see PortalOpen.
		links, err := x.exec("PortalLinkEnd", tenant, id, session)
		if err != nil {
			return err
		}
		sessions, err := x.exec("PortalSessionEnd", tenant, id, session)
		if err != nil {
			return err
		}
		if links+sessions == 0 {
			return portal.ErrNotFound
		}
		return x.audit(entry)
	})
	if err != nil {
		return fmt.Errorf("ending portal links: %w", err)
	}
	return nil
}

// PortalExpire implements portal.Store.
func (t *Tables) PortalExpire(ctx context.Context, now time.Time, limit int) (n int, err error) {
	err = t.write(ctx, t.config, func(x tx) error {
		links, err := x.exec("PortalLinkExpire", now, limit)
		if err != nil {
			return err
		}
		sessions, err := x.exec("PortalSessionExpire", now, limit)
		n = int(max(links, sessions))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("removing portal links: %w", err)
	}
	return n, nil
}
