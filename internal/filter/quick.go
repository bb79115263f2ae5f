package filter

import (
	"context"
	"errors"
	"time"

	"github.com/relay-events/relay/internal/event"
)

const (
	// quickWork is maxWork for Quick. Searching so much takes 50 to 200 µs.
	quickWork = 96 << 10
	// quickText is maxText for Quick, if the filter has no pattern.
	quickText = 64 << 10
	// quickSteps bounds instructions × bytes of text that the patterns of a filter may take in Quick, if each is matched once.
	quickSteps = 40_000
)

func quickTextFor(patterns int) int {
	if patterns == 0 {
		return quickText
	}
	return min(quickText, quickSteps/patterns)
}

// Quick is Match for whoever cannot wait: it gives up on an evaluation that takes long, after 100 loop steps or so, or 200 µs. If decided
// is false, Match tells whether the event passes; otherwise matches is its verdict, false where Match fails.
func (p *Program) Quick(e *event.Event) (matches, decided bool) {
	s := borrow(e)
	defer giveBack(s)
	s.work, s.text = quickWork, p.quickText
	ok, _, err := p.match(ended{}, s)
	if s.spent != "" || errors.Is(err, context.Canceled) {
		return false, false
	}
	return ok && err == nil, true
}

// ended is a context that was over before it began. CEL looks at its context at every hundredth step of a loop only, so an
// evaluation in this one has a hundred steps, at the cost of a comparison. (A second program with a lower cost limit would do the
// same, for twice the memory.)
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
