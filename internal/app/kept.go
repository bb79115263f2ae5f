package app

import (
	"context"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
)

// kept is the store as people and programs outside see it: of each tenant there is nothing older than its retention, though
// the bytes may not have gone yet. The engine works on the store itself, since a delivery that still waits goes out.
type kept struct {
	store
	retention *account.Retention
}

// since returns the later of a time and the moment from which something of the tenant is shown.
func (k *kept) since(tenant event.TenantID, at time.Time) time.Time {
	if from := k.retention.KeptFrom(tenant); from.After(at) {
		return from
	}
	return at
}

func (k *kept) shows(tenant event.TenantID, at time.Time) bool {
	return !at.Before(k.retention.KeptFrom(tenant))
}

// EventFind implements ingest.Store.
func (k *kept) EventFind(ctx context.Context, tenant event.TenantID, publicID string) (event.Event, bool, error) {
	e, ok, err := k.store.EventFind(ctx, tenant, publicID)
	if ok && !k.shows(tenant, e.ID.Time()) {
		return event.Event{}, false, err
	}
	return e, ok, err
}

// EventList implements ingest.Store.
func (k *kept) EventList(ctx context.Context, q ingest.Query) ([]event.Event, event.ID, error) {
	q.Since = k.since(q.Tenant, q.Since)
	return k.store.EventList(ctx, q)
}

// EventGetMany implements delivery.Store.
func (k *kept) EventGetMany(ctx context.Context, ids []event.ID) ([]event.Event, error) {
	list, err := k.store.EventGetMany(ctx, ids)
	return slices.DeleteFunc(list, func(e event.Event) bool { return !k.shows(e.Tenant, e.ID.Time()) }), err
}

// EventScan implements delivery.JobStore.
func (k *kept) EventScan(ctx context.Context, tenant event.TenantID, after, until event.ID, f func(*event.Event) bool) error {
	if from := k.retention.KeptFrom(tenant); !from.IsZero() {
		after = max(after, event.FirstID(from)-1)
	}
	return k.store.EventScan(ctx, tenant, after, until, f)
}

// AttemptGet implements delivery.LogStore.
func (k *kept) AttemptGet(ctx context.Context, tenant event.TenantID, id event.ID) (*delivery.Attempt, bool, error) {
	a, ok, err := k.store.AttemptGet(ctx, tenant, id)
	if ok && !k.shows(tenant, a.At) {
		return nil, false, err
	}
	return a, ok, err
}

// AttemptList implements delivery.LogStore.
func (k *kept) AttemptList(ctx context.Context, q delivery.LogQuery) ([]*delivery.Attempt, event.ID, error) {
	q.Since = k.since(q.Tenant, q.Since)
	return k.store.AttemptList(ctx, q)
}

// AttemptsOfEvent implements delivery.LogStore.
func (k *kept) AttemptsOfEvent(ctx context.Context, tenant event.TenantID, id event.ID) ([]*delivery.Attempt, error) {
	list, err := k.store.AttemptsOfEvent(ctx, tenant, id)
	return k.shown(tenant, list), err
}

// AttemptsOfDelivery implements delivery.LogStore.
func (k *kept) AttemptsOfDelivery(ctx context.Context, tenant event.TenantID, d event.DeliveryID) ([]*delivery.Attempt, error) {
	list, err := k.store.AttemptsOfDelivery(ctx, tenant, d)
	return k.shown(tenant, list), err
}

func (k *kept) shown(tenant event.TenantID, list []*delivery.Attempt) []*delivery.Attempt {
	return slices.DeleteFunc(list, func(a *delivery.Attempt) bool { return !k.shows(tenant, a.At) })
}

// Stats implements delivery.LogStore.
func (k *kept) Stats(ctx context.Context, q delivery.StatsQuery) ([]delivery.StatsPoint, error) {
	if q.From = k.since(q.Tenant, q.From); !q.From.Before(q.To) {
		return nil, nil
	}
	return k.store.Stats(ctx, q)
}
