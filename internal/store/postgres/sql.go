package postgres

import "embed"

// The SQL of this package: NAME.sql holds the statements of a subject;
// schema_NN.sql are the migrations, in order. Statements made of nothing but
// numbers that change with every call (groups of rows to write) are put
// together where they are used.
//
//go:embed sql/*.sql
var sqlFiles embed.FS
