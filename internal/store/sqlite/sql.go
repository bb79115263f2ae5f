package sqlite

import (
	"embed"

	"github.com/relay-events/relay/internal/store/sqltext"
)

// The SQL of this package: NAME.sql holds the statements of a subject;
// schema_NAME_NN.sql are the migrations of a file, in order.
//
//go:embed sql/*.sql
var sqlFiles embed.FS

// loadMigrations returns the scripts of a file's schema.
func loadMigrations(file string) []string { return sqltext.Migrations(sqlFiles, "schema_"+file) }
