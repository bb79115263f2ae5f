package postgres

import (
	"embed"
	"fmt"
	"strings"
)

// The SQL of this package: NAME.sql holds the statements of a subject, each
// after a line "-- name: Operation"; schema_NN.sql are the migrations, in
// order. Statements made of nothing but numbers that change with every call
// (groups of rows to write) are put together where they are used.
//
//go:embed sql/*.sql
var sqlFiles embed.FS

// statements is the text of a subject's statements by the operations' names.
type statements map[string]string

// loadStatements reads a subject's file. It panics on a mistake in the file,
// which is part of the program.
func loadStatements(subject string) statements {
	list := make(statements)
	for i, part := range strings.Split(mustRead(subject+".sql"), "-- name: ") {
		if i == 0 {
			continue // what stands before the first statement
		}
		name, text, _ := strings.Cut(part, "\n")
		list[strings.TrimSpace(name)] = strings.TrimRight(strings.TrimSpace(text), ";")
	}
	return list
}

// get returns the text of an operation. It panics when there is none.
func (s statements) get(name string) string {
	text, ok := s[name]
	if !ok {
		panic(fmt.Sprintf("internal error: no SQL statement %q", name))
	}
	return text
}

// loadMigrations returns the scripts of the schema.
func loadMigrations() []string {
	var list []string
	for {
		name := fmt.Sprintf("schema_%02d.sql", len(list)+1)
		if _, err := sqlFiles.Open("sql/" + name); err != nil {
			return list
		}
		list = append(list, mustRead(name))
	}
}

func mustRead(name string) string {
	text, err := sqlFiles.ReadFile("sql/" + name)
	if err != nil {
		panic(fmt.Sprintf("internal error: no SQL file %q", name))
	}
	return string(text)
}
