package filter

import (
	"context"
	"errors"
	"time"

	"github.com/relay-events/relay/internal/event"
)

const (
	// quickWork is the maxWork of Quick. Searching this much takes 50 to 200 µs.
	quickWork = 96 << 10
	// quickText is the maxText of Quick, for a filter without patterns.
	quickText = 64 << 10
	// quickSteps bounds the instructions × bytes of text of a filter's patterns in Quick, assuming
	// one match of each.
	quickSteps = 40_000
)

func quickTextFor(patterns int) int {
	if patterns == 0 {
		return quickText
	}
	return min(quickText, quickSteps/patterns)
}

// Quick is like Match for callers that cannot wait: it stops an evaluation after about 100 loop
// steps or 200 µs. If decided is false, call Match; otherwise matches is the verdict of Match,
// false where Match fails.
func (p *Program) Quick(e *event.Event) (matches, decided bool) {
	s := getState(e)
	defer putState(s)
	s.work, s.text = quickWork, p.quickText
	ok, _, err := p.match(ended{}, s)
	if s.spent != "" || errors.Is(err, context.Canceled) {
		return false, false
	}
	return ok && err == nil, true
}

// ended is a context that is always canceled. CEL checks its context only at every hundredth step
// of a loop, so an evaluation in this one gets a hundred steps, for the price of a comparison. (A
// second program with a lower cost limit would do the same for twice the memory.)
type ended struct{}

var closed = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Deadline implements context.Context.
func (ended) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements context.Context.
func (ended) Done() <-chan struct{} { return closed }

// Err implements context.Context.
func (ended) Err() error { return context.Canceled }

// Value implements context.Context.
func (ended) Value(any) any { return nil }
