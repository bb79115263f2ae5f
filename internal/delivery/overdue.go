package delivery

import (
	"context"
	"fmt"
	"time"
)

// Overdue returns how long the delivery that has waited longest is past its due
// time, wherever it waits; zero: none is. Those that a person holds back do not
// count, and neither do attempts under way.
func (e *Engine) Overdue(ctx context.Context) (time.Duration, error) {
	now := e.wall()
	oldest := now
	var list []OwedSummary
	var err error
	if e.shared != nil {
		list, err = e.shared.store.OwedOverdue(ctx, now)
	} else {
		list, err = e.store.OwedSummaries(ctx)
	}
	if err != nil {
		return 0, fmt.Errorf("looking for what is owed: %w", err)
	}
	for _, s := range list {
		w, ok := e.hooks.ByNumber(s.Webhook)
		if ok && !s.Next.IsZero() && w.Sends() && w.HeldUntil(now).IsZero() {
			oldest = earlier(oldest, s.Next)
		}
	}
	for _, l := range e.allLanes() {
		oldest = earlier(oldest, l.oldest(now))
	}
	return now.Sub(oldest), nil
}

// oldest returns when the first in memory was due, now or later if none waits
// that could be sent.
func (l *lane) oldest(now time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest := now
	if !l.endpoint.hook.Sends() || !l.heldLocked(now).IsZero() {
		return oldest
	}
	for _, due := range l.behind {
		oldest = earlier(oldest, due)
	}
	if l.queue.len() > 0 {
		oldest = earlier(oldest, l.queue.peek().owed.Due)
	}
	if b := l.endpoint.hook.Batch; b != nil && l.gather.queue.len() > 0 {
		// By the monotonic clock, as it waits.
		oldest = earlier(oldest, now.Add(-time.Since(l.gather.deadline(b))))
	}
	return oldest
}

// waitBehind notes that the delivery behind t in its order waits for an attempt
// of t, or does not any more.
func (l *lane) waitBehind(t *task, begins bool) {
	if t.next == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !begins {
		delete(l.behind, t)
		return
	}
	if l.behind == nil {
		l.behind = make(map[*task]time.Time)
	}
	l.behind[t] = t.next.owed.Due
}
