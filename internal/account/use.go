package account

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/event"
)

// KeyUse is the last request that a key was valid for.
type KeyUse struct {
	Tenant  event.TenantID
	Key     string    // the key's id
	At      time.Time // UTC; exact to useEvery
	Address string    // where the last request came from of which that is known, without the port; empty: none is
}

// useEvery is how often the use of a key is noted, and noted uses are stored.
const useEvery = time.Minute

// use is the last use of one key that was noted since the start.
type use struct {
	tenant event.TenantID

	mu     sync.Mutex
	at     time.Time  // guarded by mu
	from   netip.Addr // guarded by mu
	stored bool       // by Flush; guarded by mu
}

// Used notes that the key was used, and where the request came from; from may be nil. It is cheap: a key's use is noted
// once a minute.
func (a *Authenticator) Used(k *Key, from func() netip.Addr) {
	v, ok := a.uses.Load(k.ID)
	if !ok {
		v, _ = a.uses.LoadOrStore(k.ID, &use{tenant: k.Tenant, stored: true})
	}
	u, now := v.(*use), a.now()
	if !u.mu.TryLock() {
		return // another request notes it
	}
	defer u.mu.Unlock()
	if !u.at.IsZero() && now.Sub(u.at) < useEvery {
		return
	}
	u.at, u.stored = now.UTC().Truncate(time.Millisecond), false
	if from != nil {
		u.from = from()
	}
}

// Flush stores the uses that were noted since the last call.
func (a *Authenticator) Flush(ctx context.Context) error {
	var list []KeyUse
	var noted []*use
	a.uses.Range(func(id, v any) bool {
		u := v.(*use)
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.stored {
			return true
		}
		one := KeyUse{Tenant: u.tenant, Key: id.(string), At: u.at}
		if u.from.IsValid() {
			one.Address = u.from.String()
		}
		u.stored = true
		list, noted = append(list, one), append(noted, u)
		return true
	})
	if len(list) == 0 {
		return nil
	}
	if err := a.store.KeyUsed(ctx, list); err != nil {
		for _, u := range noted {
			u.mu.Lock()
			u.stored = false
			u.mu.Unlock()
		}
		return fmt.Errorf("storing the last uses of keys: %w", err)
	}
	return nil
}

// KeepUses stores the uses of keys every minute until ctx ends, and those of the last minute then. failed is told of errors.
func (a *Authenticator) KeepUses(ctx context.Context, failed func(error)) {
	t := time.NewTicker(useEvery)
	defer t.Stop()
	for done := false; !done; {
		select {
		case <-t.C:
		case <-ctx.Done():
			done = true
		}
		if err := a.Flush(context.WithoutCancel(ctx)); err != nil {
			failed(err)
		}
	}
}

// Uses returns the last uses of the tenant's keys on all servers, by key id. Other servers' are up to a minute old.
func (a *Authenticator) Uses(ctx context.Context, tenant event.TenantID) (map[string]KeyUse, error) {
	if err := a.Flush(ctx); err != nil {
		return nil, err
	}
	list, err := a.store.KeyUses(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("reading the last uses of keys: %w", err)
	}
	byKey := make(map[string]KeyUse, len(list))
	for _, u := range list {
		byKey[u.Key] = u
	}
	return byKey, nil
}
