package catalogue

import (
	"bytes"
	"sync"
	"sync/atomic"
)

// keptBytes bounds the memory that compiled schemas take in this process, as estimated by keeps. The 23 types of the
// packs take some 1 MiB of it.
const keptBytes = 64 << 20

// kept are the compiled schemas of this process, of all tenants.
var kept = shelf{limit: keptBytes}

// shelf bounds what is kept compiled. When there is too much, schemas that no event has been held against for the longest
// are released, approximately: each gets a second chance after a use (the CLOCK algorithm), so that a use costs one
// atomic read and no lock. Whoever needs a schema again compiles it again, at the expense of its tenant.
type shelf struct {
	limit int64

	mu      sync.Mutex
	ring    []*checks
	hand    int
	bytes   atomic.Int64 // written under mu
	dropped atomic.Int64
}

// Compiled returns the estimated memory of the compiled schemas, and how many were released to bound it.
func Compiled() (bytes, dropped int64) { return kept.bytes.Load(), kept.dropped.Load() }

// put adds schemas that were just compiled. They must not be on the shelf.
func (k *shelf) put(c *checks, size int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c.size = size
	k.ring = append(k.ring, c)
	k.bytes.Add(size)
	// The new one may stay although it alone is above the limit: somebody is about to use it.
	for k.bytes.Load() > k.limit && len(k.ring) > 1 {
		if k.hand >= len(k.ring) {
			k.hand = 0
		}
		old := k.ring[k.hand]
		if old == c || old.used.Swap(false) {
			k.hand++
			continue
		}
		last := len(k.ring) - 1
		k.ring[k.hand], k.ring[last] = k.ring[last], nil
		k.ring = k.ring[:last]
		k.bytes.Add(-old.size)
		k.dropped.Add(1)
		old.compiled.Store(nil)
	}
}

// keeps estimates what the compiled schemas take, their text included, in bytes: 800 for each object of the text, 100 for
// each value, 100 for each instruction of a pattern. TestKept measures it.
func (c *checks) keeps(patterns int) int64 {
	n := 2<<10 + len(c.rawData) + len(c.rawAttr) + 100*patterns
	for _, raw := range [...][]byte{c.rawData, c.rawAttr} {
		n += 800*bytes.Count(raw, []byte("{")) + 100*bytes.Count(raw, []byte(","))
	}
	return int64(n)
}
