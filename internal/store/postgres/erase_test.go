package postgres

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/storetest"
)

// TestErase looks at every row of every table as text, and at every table with a column tenant.
func TestErase(t *testing.T) {
	b := newBackend(t)
	texts := func(sql string, args ...any) (list []string) {
		t.Helper()
		rows, err := b.pool.Query(ctx, sql, args...)
		if err == nil {
			list, err = pgx.CollectRows(rows, pgx.RowTo[string])
		}
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return list
	}
	storetest.Erase(t, b, func(text string, tenant event.TenantID) (found []string) {
		t.Helper()
		for _, name := range texts(`SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()`) {
			// Bytes are shown in hexadecimal.
			sql := fmt.Sprintf(`SELECT count(*)::text FROM %q t WHERE strpos(t::text, $1) > 0 OR strpos(t::text, encode($1::text::bytea, 'hex')) > 0`, name)
			if n := texts(sql, text); n[0] != "0" {
				found = append(found, n[0]+" rows with the text in "+name)
			}
		}
		for _, name := range texts(`SELECT table_name::text FROM information_schema.columns WHERE table_schema = current_schema() AND column_name = 'tenant'`) {
			if n := texts(fmt.Sprintf(`SELECT count(*)::text FROM %q WHERE tenant = %d`, name, tenant)); n[0] != "0" {
				found = append(found, n[0]+" rows in "+name)
			}
		}
		return found
	})
}
