package audience

import (
	"context"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/event"
)

// Explanation says where a profile stands at a partner, and why.
type Explanation struct {
	Member time.Time // since when it is in the audience; zero: it is not
	Row    *Row      // nil: there is none
	// Reasons are sentences, the most important first.
	Reasons []string
}

// Explain says why a profile is at a partner, or why it is not.
func (a *Audiences) Explain(ctx context.Context, tenant event.TenantID, number int64, attachment, profile string) (*Explanation, error) {
	if _, err := a.Audience(tenant, number); err != nil {
		return nil, err
	}
	t, err := a.target(ctx, tenant, number, attachment)
	if err != nil {
		return nil, err
	}
	if t.attachment == nil {
		return nil, errNoAttachment(attachment)
	}
	if _, err := a.Profile(ctx, tenant, profile); err != nil {
		return nil, err
	}
	all, err := a.standings(ctx, tenant, []string{profile})
	if err != nil {
		return nil, err
	}
	s := all[profile]
	e := &Explanation{Row: s.row(attachment, 0)}
	say := func(format string, args ...any) { e.Reasons = append(e.Reasons, fmt.Sprintf(format, args...)) }
	for _, m := range s.members {
		if m.Audience == number {
			e.Member = m.Since
		}
	}
	if e.Member.IsZero() {
		say("The profile is not in the audience.")
	}
	if s.profile.Erasing {
		say("The profile is being erased.")
	}
	if t.attachment.Leaving != "" {
		say("The audience is being detached from the partner.")
	}
	if why := t.attachment.bars(&s.profile); why != "" && !e.Member.IsZero() {
		say("It is held back: %s.", why)
	}
	if t.attachment.Paused {
		say("The attachment is paused: what is wanted by then is sent when it goes on.")
	}
	switch {
	case t.connection == nil:
		say("The connection is not there.")
	case t.definition.Kind == connector.Message:
		say("The connector sends a message for each entry; the list of profiles has them.")
	case e.Row == nil:
		say("The partner does not have it, and nothing is on its way.")
	default:
		e.Reasons = append(e.Reasons, e.Row.Sync.sentence())
	}
	return e, nil
}

// sentence says where a profile of a list stands.
func (s *Sync) sentence() string {
	text := map[State]string{
		None: "The partner does not have it.", PendingAdd: "It is on its way to the partner.", PendingUpdate: "The partner has it; a change is on its way.",
		PendingRemove: "The partner has it; its removal is on its way.", SendingState: "A request about it is under way.", Synced: "The partner has it.",
		Rejected: "The partner did not accept the last request", Skipped: "The connector sends nothing of it", Suppressed: "Nothing of it is sent",
		Kept: "It has left, and the connector has no request that removes it at the partner",
	}[s.State]
	if s.State != Rejected && s.State != Skipped && s.State != Suppressed && s.State != Kept {
		return text
	}
	if s.Words != "" {
		text += ": " + s.Words
	}
	return text + "."
}
