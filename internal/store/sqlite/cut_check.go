package sqlite

import (
	"context"
	"fmt"
	"hash/crc32"
	"path"

	"github.com/ncruces/go-sqlite3"
)

// maxDamage bounds how many damages of one file are named.
const maxDamage = 20

// Damaged names what cannot be read back of the files copied so far, a sentence
// each. The copies have it as it is.
func (c *Cut) Damaged() []string { return c.damaged }

// check looks for damage in a file about to be copied: the checksums of blocks
// in the files of days, the structure of the others.
func (c *Cut) check(ctx context.Context, name string, file *conn) error {
	old := file.raw.SetInterrupt(ctx)
	defer file.raw.SetInterrupt(old)
	found := 0
	note := func(format string, args ...any) {
		if found++; found <= maxDamage {
			c.damaged = append(c.damaged, name+": "+fmt.Sprintf(format, args...))
		}
	}
	var err error
	if path.Dir(name) == "." {
		err = file.query(func(s *sqlite3.Stmt) error {
			if text := s.ColumnText(0); text != "ok" {
				note("%s", text)
			}
			return nil
		}, `PRAGMA quick_check(20)`)
	} else {
		err = file.query(func(s *sqlite3.Stmt) error {
			if got, want := crc32.Checksum(s.ColumnRawBlob(2), castagnoli), s.ColumnInt64(1); int64(got) != want {
				note("block %d: checksum is %08x, want %08x", s.ColumnInt64(0), got, want)
			}
			return ctx.Err()
		}, `SELECT id, crc, body FROM block ORDER BY id`)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err != nil {
		note("reading all of it: %v", err)
	}
	if found > maxDamage {
		c.damaged = append(c.damaged, fmt.Sprintf("%s: %d more", name, found-maxDamage))
	}
	return nil
}
