package auth

import (
	"context"
	"sync"
	"time"
)

const (
	// freshWait is how long a token server is left alone after a failure by requests with new settings. Those with the
	// old ones wait longer and longer, but each change of the settings begins anew.
	freshWait = 2 * time.Second

	// maxPaced bounds the token servers a Pacer remembers.
	maxPaced = 10_000
)

// A Pacer remembers which token servers have just failed, over all Authenticators that are made with it, so that changing
// the settings again and again does not ask a failing server without a pause. The zero value is ready. It is safe for
// concurrent use.
type Pacer struct {
	mu     sync.Mutex
	failed map[string]time.Time
}

// wait returns when the server may be asked, or ctx has ended.
func (p *Pacer) wait(ctx context.Context, key string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	at, ok := p.failed[key]
	p.mu.Unlock()
	if !ok {
		return
	}
	t := time.NewTimer(time.Until(at.Add(freshWait)))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// note takes in how a request ended.
func (p *Pacer) note(key string, ok bool) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if ok {
		delete(p.failed, key)
		return
	}
	now := time.Now()
	if p.failed == nil {
		p.failed = make(map[string]time.Time)
	}
	if len(p.failed) >= maxPaced {
		for k, at := range p.failed {
			if now.Sub(at) > freshWait {
				delete(p.failed, k)
			}
		}
	}
	if len(p.failed) < maxPaced {
		p.failed[key] = now
	}
}
