package sqlite

import (
	"context"
	"time"

	"github.com/relay-events/relay/internal/account"
)

// AnswerBegin implements account.AnswerStore. No other server uses the folder, so a request without an answer that began
// before the store was opened has ended with its server.
func (s *Store) AnswerBegin(ctx context.Context, a account.Answer, expired, stuck time.Time) (*account.Answer, error) {
	if s.opened.After(stuck) {
		stuck = s.opened
	}
	return s.Tables.AnswerBegin(ctx, a, expired, stuck)
}
