//go:build unix

package cli

import (
	"fmt"
	"os"
	"syscall"
)

// sameUser returns an error if root would open the databases of another user's folder: SQLite may
// create files beside them, which the server could not open.
func sameUser(dir string) error {
	st, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("the data folder: %w", err)
	}
	if own, ok := st.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 && own.Uid != 0 {
		return fmt.Errorf("the folder %q belongs to user %d: run this as that user, so that the server can open the files it creates", dir, own.Uid)
	}
	return nil
}
