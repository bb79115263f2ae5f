package doctor

import (
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/store/postgres"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestDatabase(t *testing.T) {
	at := pgtest.Shared(t).Database(t) // which runs without fsync
	cfg := config.Default()
	cfg.Database = config.DatabaseURL(at)
	look := func() string { return examine(t, Options{Config: &cfg}) }
	want(t, look(), "warning schema", "Relay has not set it up yet", "ok clock", "ok database", "it runs with fsync off")
	try(t, postgres.Migrate(t.Context(), at, nil))
	want(t, look(), "ok schema")

	sql := func(statements ...string) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), at)
		try(t, err)
		defer conn.Close(t.Context())
		for _, s := range statements {
			_, err := conn.Exec(t.Context(), s)
			try(t, err)
		}
	}
	sql("UPDATE relay_schema SET version = version + 1000")
	want(t, look(), "problem schema", "a newer Relay has changed it")
	sql("UPDATE relay_schema SET version = 1")
	want(t, look(), "the next start updates it")

	sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC", "DROP ROLE IF EXISTS doctor_plain", "CREATE ROLE doctor_plain LOGIN", "GRANT SELECT ON relay_schema TO doctor_plain")
	u, err := url.Parse(at)
	try(t, err)
	query := u.Query()
	query.Set("user", "doctor_plain")
	u.RawQuery = query.Encode()
	cfg.Database = config.DatabaseURL(u.String())
	want(t, look(), `the user "doctor_plain" may not create tables -> GRANT CREATE ON SCHEMA public TO "doctor_plain"`)
	u, err = url.Parse(at)
	try(t, err)
	query = u.Query()
	query.Set("default_transaction_read_only", "on")
	u.RawQuery = query.Encode()
	cfg.Database = config.DatabaseURL(u.String())
	want(t, look(), "it takes no writes")
	u.Path = "/no_such_database"
	cfg.Database = config.DatabaseURL(u.String())
	want(t, look(), "problem database", "createdb")
	cfg.Database = "postgres://relay@127.0.0.1:1/relay"
	want(t, look(), "PostgreSQL does not answer at 127.0.0.1:1")
}
