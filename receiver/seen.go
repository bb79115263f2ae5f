package receiver

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// Seen remembers which events were processed, by their webhookId. Implementations are safe for concurrent use. One
// that several machines share, a table with a unique column for example, lets them deduplicate together; the Receiver
// itself keeps attempts apart only within one process.
type Seen interface {
	// Has tells whether Add was called for this webhookId. On an error the request is answered 503 and nothing is
	// processed.
	Has(ctx context.Context, webhookID string) (bool, error)
	// Add remembers a webhookId after the event was processed. It may be called for one that is remembered already.
	// The Receiver calls it before the answer ends and does not try again: an error means that the event may be
	// processed twice.
	Add(ctx context.Context, webhookID string) error
}

// What Memory keeps when it is not told.
const (
	defaultMemoryEntries = 100_000        // about 20 MB
	defaultMemoryTTL     = 72 * time.Hour // three times as long as Relay goes on retrying (24 h)
)

// Memory is a Seen that lives in this process. It keeps at most a fixed number of webhookIds, forgets the ones not
// heard of for the longest time first, and loses all of them at a restart.
type Memory struct {
	entries int
	ttl     time.Duration

	mu      sync.Mutex
	order   *list.List               // guarded by mu; of memoryEntry, the latest first, so also the last to expire
	element map[string]*list.Element // guarded by mu
}

type memoryEntry struct {
	webhookID string
	expires   time.Time
}

// NewMemory makes an empty Memory for a number of entries, each kept until it has not been asked for during ttl. Zero
// or less means 100,000 entries and 72 hours. Manual retries of older deliveries are then processed again.
func NewMemory(entries int, ttl time.Duration) *Memory {
	if entries <= 0 {
		entries = defaultMemoryEntries
	}
	if ttl <= 0 {
		ttl = defaultMemoryTTL
	}
	return &Memory{entries: entries, ttl: ttl, order: list.New(), element: make(map[string]*list.Element)}
}

// Has implements Seen. An entry that is found lives on for another ttl.
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

// touchLocked makes an entry the latest. All entries live equally long, so the list stays ordered by expiry.
func (m *Memory) touchLocked(el *list.Element, webhookID string) {
	el.Value = memoryEntry{webhookID, time.Now().Add(m.ttl)}
	m.order.MoveToFront(el)
}

// forgetLocked drops what has expired or does not fit. Each entry is dropped once, so a call costs little on average.
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
