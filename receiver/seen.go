package receiver

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// Seen stores which events were processed, by their webhookId. Implementations must be safe for
// concurrent use. An implementation shared by several machines, such as a table with a unique
// column, lets them deduplicate together; the Receiver itself separates concurrent attempts only
// within one process.
type Seen interface {
	// Has reports whether Add was called for this webhookId. On an error the request is answered
	// 503, and no event is processed.
	Has(ctx context.Context, webhookID string) (bool, error)
	// Add stores a webhookId after the event was processed. It may be called for a webhookId that
	// is already stored. The Receiver calls it before the answer ends and does not retry: after an
	// error the event may be processed twice.
	Add(ctx context.Context, webhookID string) error
}

// Defaults of Memory.
const (
	defaultMemoryEntries = 100_000        // about 20 MB
	defaultMemoryTTL     = 72 * time.Hour // three times as long as Relay retries (24 h)
)

// Memory is a Seen in the memory of this process. It stores a limited number of webhookIds, drops
// the least recently used first, and loses all of them at a restart.
type Memory struct {
	entries int
	ttl     time.Duration

	mu      sync.Mutex
	order   *list.List               // guarded by mu; of memoryEntry, the most recent first, which is also the last to expire
	element map[string]*list.Element // guarded by mu
}

type memoryEntry struct {
	webhookID string
	expires   time.Time
}

// NewMemory returns an empty Memory for a number of entries. Each is kept until it has not been
// used during ttl. Zero or less means 100,000 entries and 72 hours. Manual retries of older
// deliveries are processed again.
func NewMemory(entries int, ttl time.Duration) *Memory {
	if entries <= 0 {
		entries = defaultMemoryEntries
	}
	if ttl <= 0 {
		ttl = defaultMemoryTTL
	}
	return &Memory{entries: entries, ttl: ttl, order: list.New(), element: make(map[string]*list.Element)}
}

// Has implements Seen. It extends the life of an existing entry by another ttl.
func (m *Memory) Has(_ context.Context, webhookID string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forgetLocked()
	el, ok := m.element[webhookID]
	if ok {
		m.touchLocked(el, webhookID)
	}
	return ok, nil
}

// Add implements Seen.
func (m *Memory) Add(_ context.Context, webhookID string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	el, ok := m.element[webhookID]
	if !ok {
		el = m.order.PushFront(nil)
		m.element[webhookID] = el
	}
	m.touchLocked(el, webhookID)
	m.forgetLocked()
	return nil
}

// touchLocked makes an entry the most recent. All entries live equally long, so the list stays
// ordered by expiry.
func (m *Memory) touchLocked(el *list.Element, webhookID string) {
	el.Value = memoryEntry{webhookID, time.Now().Add(m.ttl)}
	m.order.MoveToFront(el)
}

// forgetLocked drops entries that have expired or exceed the limit. Each entry is dropped once, so
// a call costs little on average.
func (m *Memory) forgetLocked() {
	now := time.Now()
	for el := m.order.Back(); el != nil; el = m.order.Back() {
		entry := el.Value.(memoryEntry)
		if m.order.Len() <= m.entries && now.Before(entry.expires) {
			return
		}
		m.order.Remove(el)
		delete(m.element, entry.webhookID)
	}
}
