package portal

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
)

// idOf returns the public id of a tenant's portal. It stands in addresses that the tenant's customers see, so it tells
// neither the tenant's name nor how many there are; and it follows from the tenant, so that nothing has to be stored before
// the first link. It is no secret.
func idOf(t *account.Tenant) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "relay portal %d %d", t.ID, t.CreatedAt.UnixMilli()))
	return "po_" + hex.EncodeToString(sum[:10])
}

// idIndex finds tenants by the ids of their portals.
type idIndex struct {
	mu     sync.Mutex
	known  map[string]event.TenantID // guarded by mu
	looked time.Time                 // when all tenants were last looked at; guarded by mu
}

// relook is how long an id that is not known is taken to be wrong before all tenants are looked at again: a new tenant's
// portal is found after this, and guesses cost no more than this allows.
const relook = time.Second

// find returns the tenant of the portal with the id.
func (x *idIndex) find(ts Tenants, id string, now time.Time) (event.TenantID, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	t, ok := x.known[id]
	if !ok && now.Sub(x.looked) >= relook {
		x.looked = now
		x.known = make(map[string]event.TenantID)
		for _, t := range ts.Tenants() {
			x.known[idOf(&t)] = t.ID
		}
		t, ok = x.known[id]
	}
	return t, ok
}

// add notes a portal that is about to be used.
func (x *idIndex) add(t *account.Tenant) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.known == nil {
		x.known = make(map[string]event.TenantID)
	}
	x.known[idOf(t)] = t.ID
}

// Find returns the tenant whose portal has the id, and how the portal is set up.
func (ps *Portals) Find(id string) (account.Tenant, Settings, bool) {
	tenant, ok := ps.ids.find(ps.tenants, id, ps.now())
	if !ok {
		return account.Tenant{}, Settings{}, false
	}
	t := ps.tenants.ByID(tenant)
	if t == nil || t.State() != account.TenantActive && t.State() != account.TenantSuspended {
		return account.Tenant{}, Settings{}, false
	}
	return *t, ps.of(tenant), true
}

// ID returns the public id of the tenant's portal.
func (ps *Portals) ID(tenant event.TenantID) string {
	t := ps.tenants.ByID(tenant)
	if t == nil {
		return ""
	}
	return idOf(t)
}
