package postgres

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/sqltext"
)

var paceSQL = sqltext.Load(sqlFiles, "pace")

// Pace implements account.Pacer, by the clock of the database.
func (s *Store) Pace(ctx context.Context, tenant event.TenantID, n, perSecond int64) (taken bool, ahead time.Duration, err error) {
	cost := int64(math.Round(float64(n) * 1e6 / float64(perSecond)))
	err = s.query(ctx, func(row pgx.CollectableRow) error {
		var us int64
		err := row.Scan(&taken, &us)
		ahead = time.Duration(us) * time.Microsecond
		return err
	}, paceSQL.Get("Pace"), int64(tenant), cost, perSecond)
	if err != nil {
		return false, 0, fmt.Errorf("taking %d events of tenant %d: %w", n, tenant, err)
	}
	return taken, ahead, nil
}
