package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/event"
)

// EventKeyExpiring is the operational event that tells that a key will soon end.
const EventKeyExpiring = "key.expiring"

// warnBefore is how long before its end a key is told about, or half of its life if that is less.
const warnBefore = 14 * 24 * time.Hour

// warnAt returns when to tell that the key will end; zero: never.
func (k *Key) warnAt() time.Time {
	if k.ExpiresAt.IsZero() {
		return time.Time{}
	}
	return k.ExpiresAt.Add(-min(warnBefore, k.ExpiresAt.Sub(k.CreatedAt)/2))
}

// WarnExpiring publishes an operational event for each key that will soon end, once. publish stores it, and stores an event
// with the same text once only, also on another server: a server may end between the event and the note of it.
func (a *Authenticator) WarnExpiring(ctx context.Context, now time.Time, publish func(ctx context.Context, tenant event.TenantID, eventType, once string, data []byte) error) error {
	var errs []error
	for _, k := range a.current.Load().keys {
		if at := k.warnAt(); at.IsZero() || now.Before(at) || !k.WarnedAt.IsZero() || !k.Valid(now) {
			continue
		}
		if err := a.warn(ctx, &k, now, publish); err != nil {
			errs = append(errs, fmt.Errorf("telling that key %q will end: %w", k.ID, err))
		}
	}
	return errors.Join(errs...)
}

func (a *Authenticator) warn(ctx context.Context, k *Key, now time.Time, publish func(context.Context, event.TenantID, string, string, []byte) error) error {
	data, err := json.Marshal(struct {
		ID        string    `json:"id"`
		Name      string    `json:"name"`
		Hint      string    `json:"hint"`
		ExpiresAt time.Time `json:"expiresAt"`
	}{k.ID, k.Name, k.Hint, k.ExpiresAt})
	if err != nil {
		return err
	}
	if err := publish(ctx, k.Tenant, EventKeyExpiring, k.ID, data); err != nil {
		return err
	}
	if err := a.store.KeyWarned(ctx, k.Tenant, k.ID, now); err != nil {
		return err
	}
	return a.Refresh(ctx)
}
