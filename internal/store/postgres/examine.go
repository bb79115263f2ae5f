package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Examination is what a database says about itself.
type Examination struct {
	Version         int    // as server_version_num: 170002
	Encoding, Fsync string // its settings
	User            string
	ReadOnly        bool // it takes no writes now
	MayCreate       bool // the user may create tables, or has those of Relay
	Now             time.Time
	Schema          SchemaStatus
}

// Examine reads what an operator must know of a database. It changes nothing.
func Examine(ctx context.Context, url string) (x Examination, err error) {
	s, err := unregistered(url)
	if err != nil {
		return x, err
	}
	defer s.closePools()
	err = s.query(ctx, func(row pgx.CollectableRow) error {
		return row.Scan(&x.Version, &x.Encoding, &x.Fsync, &x.User, &x.ReadOnly, &x.MayCreate, &x.Now)
	}, `SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), current_setting('fsync'), current_user,
		pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',
		coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), clock_timestamp()`)
	if err != nil {
		return x, fmt.Errorf("examining the database: %w", err)
	}
	x.Schema, err = Schema(ctx, url)
	return x, err
}
