package postgres

import (
	"math"
	"sync"

	"github.com/relay-events/relay/internal/delivery"
)

// marks say, for each webhook, from which due time on this node looks for
// unclaimed rows without an order.
//
// Without them every claim walks over rows claimed before: the entries of
// rows that are gone stay in the index until VACUUM may remove them, and one
// transaction anywhere that stays open keeps it from that, for hours. A claim
// would get slower with every delivery (some 90 ms after 15 minutes at 500 a
// second). With them it begins where the last one ended.
//
// What this node puts below a mark lowers it. What others put there this node
// does not see at once: whoever recorded a row comes for it, and what nobody
// fetches OwedOverdue finds, which looks everywhere and lowers marks, too.
type marks struct {
	mu   sync.Mutex
	each map[uint32]*mark // guarded by mu
}

// mark is where claims of a webhook begin, in ms.
type mark struct {
	from    int64
	lowest  int64 // of the rows put there while claims are under way
	claims  int   // under way
	expired bool  // forget was called since one began
}

// noMark is below every due time.
const noMark = math.MinInt64

// from returns where to look for a webhook's rows.
func (m *marks) from(webhook uint32) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.each[webhook]; k != nil {
		return k.from
	}
	return noMark
}

// begin notes that a claim begins, and returns where. The caller calls end.
func (m *marks) begin(webhook uint32) *mark {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.each[webhook]
	if k == nil {
		k = &mark{from: noMark}
		if m.each == nil {
			m.each = make(map[uint32]*mark)
		}
		m.each[webhook] = k
	}
	if k.claims++; k.claims == 1 {
		k.lowest, k.expired = math.MaxInt64, false
	}
	return k
}

// end notes that a claim has ended, and that it has left nothing due before a
// time that it could have taken; noMark: that is not known.
func (m *marks) end(k *mark, nothingBefore int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k.claims--
	if nothingBefore != noMark && !k.expired {
		k.from = min(nothingBefore, k.lowest)
	}
}

// lower notes that a row of a webhook may be there, due at the time. It is to
// be called after the row can be seen, and before anybody is told.
func (m *marks) lower(webhook uint32, due int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.each[webhook]; k != nil {
		k.from, k.lowest = min(k.from, due), min(k.lowest, due)
	}
}

// lowerAll is lower for rows that were recorded or given back.
func (m *marks) lowerAll(rows []delivery.Owed) {
	for i := range rows {
		m.lower(rows[i].Webhook, rows[i].Due.UnixMilli())
	}
}

// forget makes the next claims look everywhere: rows that are not known may
// have been put anywhere.
func (m *marks) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for webhook, k := range m.each {
		k.from, k.expired = noMark, true
		if k.claims == 0 {
			delete(m.each, webhook)
		}
	}
}
