// Package sqltext reads the SQL files of a store, which are part of the
// program: NAME.sql holds the statements of a subject, each after a line
// "-- name: Operation"; the migrations of a schema are scripts numbered from
// 01 without a gap.
//
// A file that serves both databases says "-- name: Operation sqlite" before the
// variant of a statement for SQLite; see LoadFor.
//
// A mistake in such a file, or the name of one that is not there, is a mistake
// in the program: every function here panics on it, with an internal error.
package sqltext

import (
	"fmt"
	"io/fs"
	"strings"
)

// Statements is the text of a subject's statements by the operations' names.
type Statements map[string]string

// Dialect is a database's way of writing SQL.
type Dialect string

// The dialects.
const (
	PostgreSQL Dialect = "postgres"
	SQLite     Dialect = "sqlite"
)

// LoadFor reads a subject's file that serves several dialects: an operation's
// text is the variant for d where there is one, else the one for all.
func LoadFor(files fs.FS, subject string, d Dialect) Statements {
	list := make(Statements)
	all := Load(files, subject)
	for name, text := range all {
		switch operation, variant, ok := strings.Cut(name, " "); {
		case !ok:
			if _, own := all[name+" "+string(d)]; !own {
				list[name] = text
			}
		case variant == string(d):
			list[operation] = text
		}
	}
	return list
}

// Add adds the statements of another subject.
func (s Statements) Add(other Statements) {
	for name, text := range other {
		if _, twice := s[name]; twice {
			panic(fmt.Sprintf("internal error: SQL statement %q stands in two subjects", name))
		}
		s[name] = text
	}
}

// Load reads a subject's file in the folder sql of files.
func Load(files fs.FS, subject string) Statements {
	list := make(Statements)
	for i, part := range strings.Split(read(files, subject+".sql"), "-- name: ") {
		if i == 0 {
			continue // what stands before the first statement
		}
		name, text, _ := strings.Cut(part, "\n")
		name = strings.TrimSpace(name)
		if _, twice := list[name]; twice {
			panic(fmt.Sprintf("internal error: SQL statement %q stands twice in %q", name, subject+".sql"))
		}
		list[name] = strings.TrimRight(strings.TrimSpace(text), ";")
	}
	return list
}

// Get returns the text of an operation.
func (s Statements) Get(name string) string {
	text, ok := s[name]
	if !ok {
		panic(fmt.Sprintf("internal error: no SQL statement %q", name))
	}
	return text
}

// Migrations returns the scripts PREFIX_01.sql, PREFIX_02.sql and so on of the
// folder sql of files, in order.
func Migrations(files fs.FS, prefix string) []string {
	var list []string
	for {
		name := fmt.Sprintf("%s_%02d.sql", prefix, len(list)+1)
		if _, err := fs.Stat(files, "sql/"+name); err != nil {
			return list
		}
		list = append(list, read(files, name))
	}
}

// Pending returns what each of the scripts after the first applied ones is about: the first sentence
// of the comment that it begins with.
func Pending(scripts []string, applied int) []string {
	var list []string
	for _, script := range scripts[min(max(applied, 0), len(scripts)):] {
		list = append(list, about(script))
	}
	return list
}

func about(script string) string {
	var words []string
	for line := range strings.Lines(script) {
		comment, ok := strings.CutPrefix(strings.TrimSpace(line), "--")
		if !ok {
			break
		}
		words = append(words, strings.Fields(comment)...)
		if i := len(words); i > 0 && strings.HasSuffix(words[i-1], ".") {
			break
		}
	}
	text := strings.Join(words, " ")
	for _, end := range []string{". ", ": ", "; "} {
		text, _, _ = strings.Cut(text, end)
	}
	return strings.TrimRight(text, ".:;")
}

func read(files fs.FS, name string) string {
	text, err := fs.ReadFile(files, "sql/"+name)
	if err != nil {
		panic(fmt.Sprintf("internal error: no SQL file %q", name))
	}
	return string(text)
}
