package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/webhook"
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

// TryKeys returns ErrOtherKeys if the secrets in a database are sealed with other keys than open
// returns. It hands open the keys that servers with a master key keep in the database, as
// secret.OpenShared takes them, nil if there are none. It changes nothing.
func TryKeys(ctx context.Context, url string, open func(kept []byte) (webhook.Sealer, error)) error {
	s, err := unregistered(url)
	if err != nil {
		return err
	}
	defer s.closePools()
	var kept, check []byte
	err = s.query(ctx, func(row pgx.CollectableRow) error { return row.Scan(&kept, &check) }, configSQL.Get("KeysRead"))
	if err != nil {
		return fmt.Errorf("reading the keys' check: %w", err)
	}
	keys, err := open(kept)
	if err != nil {
		return err
	}
	return checkKeys(keys, check)
}
