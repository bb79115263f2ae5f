package bench

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// histogram counts durations, from 1 ns to centuries, in buckets that are at most 1/128 of their
// value wide. That is exact enough for a percentile and cheap enough to count every request. It is
// safe for concurrent use.
type histogram struct {
	counts [buckets]atomic.Int64
	n      atomic.Int64
	most   atomic.Int64
}

const (
	bucketBits = 7 // a power of two is divided into 1<<bucketBits buckets
	buckets    = (64 - bucketBits) << bucketBits
)

// add counts a duration. Negative durations, which occur when the clock is set back, count as zero.
func (h *histogram) add(d time.Duration) {
	d = max(d, 0)
	h.counts[bucketOf(uint64(d))].Add(1)
	h.n.Add(1)
	for {
		most := h.most.Load()
		if int64(d) <= most || h.most.CompareAndSwap(most, int64(d)) {
			return
		}
	}
}

// quantile returns the duration that a share q of all does not exceed, or zero without any.
func (h *histogram) quantile(q float64) time.Duration {
	n := h.n.Load()
	if n == 0 {
		return 0
	}
	rank := int64(q*float64(n-1)) + 1
	for i := range h.counts {
		if rank -= h.counts[i].Load(); rank <= 0 {
			return min(time.Duration(upperOf(i)), time.Duration(h.most.Load()))
		}
	}
	return time.Duration(h.most.Load())
}

// reset clears all counts.
func (h *histogram) reset() {
	for i := range h.counts {
		h.counts[i].Store(0)
	}
	h.n.Store(0)
	h.most.Store(0)
}

// bucketOf returns the bucket of v: v itself below 1<<(bucketBits+1), then its highest bits after
// the leading one.
func bucketOf(v uint64) int {
	e := bits.Len64(v) - bucketBits - 1
	if e <= 0 {
		return int(v)
	}
	return e<<bucketBits + int(v>>e)
}

// upperOf returns the largest value of a bucket.
func upperOf(i int) uint64 {
	e := i>>bucketBits - 1
	if e <= 0 {
		return uint64(i)
	}
	return uint64(i-e<<bucketBits+1)<<e - 1
}
