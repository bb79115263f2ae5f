package bench

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// schema is a separate schema in the database of Options.Database, for the relays of one
// measurement.
type schema struct{ url, name string }

// newSchema creates a schema; drop removes it.
func newSchema(ctx context.Context, url string) (*schema, error) {
	var b [6]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	s := &schema{url: url, name: "relay_bench_" + hex.EncodeToString(b[:])}
	if err := s.exec(ctx, "CREATE SCHEMA "+s.name); err != nil {
		return nil, fmt.Errorf("creating a schema for the measurement: %w", err)
	}
	return s, nil
}

// address returns the database URL for relays.
func (s *schema) address() string {
	by := "?"
	if strings.Contains(s.url, "?") {
		by = "&"
	}
	return s.url + by + "search_path=" + s.name
}

func (s *schema) drop() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.exec(ctx, "DROP SCHEMA IF EXISTS "+s.name+" CASCADE"); err != nil {
		return fmt.Errorf("removing the schema of a measurement: %w", err)
	}
	return nil
}

func (s *schema) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// bytes returns the disk space of the schema in the database.
func (s *schema) bytes(ctx context.Context) (n int64, err error) {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return 0, fmt.Errorf("measuring the database: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	err = conn.QueryRow(ctx, `SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relkind = 'r'`, s.name).Scan(&n)
	return n, err
}

// known waits until all relays know a webhook that was created on one of them.
func (r *relay) known(ctx context.Context, id string) error {
	for _, base := range r.more {
		other := &relay{base: base, key: r.key, client: r.client}
		for {
			status, _, err := other.once(ctx, http.MethodGet, "/v1/webhooks/"+id, "", nil)
			if err != nil {
				return err
			}
			if status == http.StatusOK {
				break
			}
			if err := pause(ctx, 10*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

// turn returns the address of the relay for the next publish request.
func (r *relay) turn() string {
	if len(r.more) == 0 {
		return r.base
	}
	if n := int(r.turns.Add(1)) % (len(r.more) + 1); n > 0 {
		return r.more[n-1]
	}
	return r.base
}

// kept returns the disk space of a relay, in its folder or in the database.
func (l *lab) kept(ctx context.Context, dir string, running bool) (int64, error) {
	if s := l.schemas[dir]; s != nil {
		return s.bytes(ctx)
	}
	return folderBytes(dir, running)
}

// claims reads from the relays' metrics how often they queried the store for deliveries, and how
// often without a result.
func (r *relay) claims(ctx context.Context, res *RelayResult) error {
	var none, all float64
	for _, base := range append([]string{r.base}, r.more...) {
		one := &relay{base: base, key: r.key, client: r.client}
		status, page, err := one.once(ctx, http.MethodGet, "/metrics", "", nil)
		if err != nil {
			return fmt.Errorf("reading a relay's metrics: %w", err)
		}
		if status != http.StatusOK {
			return nil // a remote relay need not show them
		}
		for line := range strings.Lines(string(page)) {
			name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
			n, err := strconv.ParseFloat(text, 64)
			if !strings.HasPrefix(name, "relay_delivery_claims_total{") || err != nil {
				continue
			}
			all += n
			if strings.Contains(name, `"none"`) {
				none += n
			}
		}
	}
	if res.Claims = int64(all); all > 0 {
		share := none / all
		res.EmptyClaims = &share
	}
	return nil
}
