package catalogue

import (
	"bytes"
	"sync"
	"sync/atomic"
)

// schemaMemory bounds the memory of all compiled schemas in this process, as estimated by
// checks.memory. The 23 types of the packs take about 1 MiB of it.
const schemaMemory = 64 << 20

// compiledSchemas caches the compiled schemas of all tenants.
var compiledSchemas = schemaCache{limit: schemaMemory}

// schemaCache bounds the memory of compiled schemas. Beyond the limit it releases approximately the
// least recently used ones: each schema gets a second chance after a use (the CLOCK algorithm), so
// that a use costs one atomic read and no lock. A released schema is compiled again at its next use,
// at the expense of its tenant.
type schemaCache struct {
	limit int64

	mu      sync.Mutex
	ring    []*checks
	hand    int
	bytes   atomic.Int64 // written under mu
	dropped atomic.Int64
}

// Compiled returns the estimated memory of the compiled schemas in bytes, and how many schemas were
// released to bound it.
func Compiled() (bytes, dropped int64) {
	return compiledSchemas.bytes.Load(), compiledSchemas.dropped.Load()
}

// put adds schemas that were just compiled. They must not be in the cache already.
func (k *schemaCache) put(c *checks, size int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c.size = size
	k.ring = append(k.ring, c)
	k.bytes.Add(size)
	// The new schema stays even if it alone exceeds the limit, because it is about to be used.
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

// memory estimates the memory of the compiled schemas, including their text, in bytes: 800 for each
// object of the text, 100 for each value, and 100 for each instruction of a pattern.
// TestSchemaMemory compares it with the heap.
func (c *checks) memory(patterns int) int64 {
	n := 2<<10 + len(c.rawData) + len(c.rawAttr) + 100*patterns
	for _, raw := range [...][]byte{c.rawData, c.rawAttr} {
		n += 800*bytes.Count(raw, []byte("{")) + 100*bytes.Count(raw, []byte(","))
	}
	return int64(n)
}
