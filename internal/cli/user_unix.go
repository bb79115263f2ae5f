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
		return fmt.Errorf("the data folder: %w; --data names it", err)
	}
	if own, ok := st.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 && own.Uid != 0 {
		return fmt.Errorf("the folder %q belongs to user %d: run this as that user, so that the server can open the files it creates", dir, own.Uid)
	}
	return nil
}

// otherOwner says to whom a folder belongs if that is not the user of this process: "belongs to user
// 0 (mode 0755), this process is user 65534".
func otherOwner(dir string) string {
	st, err := os.Stat(dir)
	if err != nil {
		return ""
	}
	own, ok := st.Sys().(*syscall.Stat_t)
	if !ok || int(own.Uid) == os.Geteuid() {
		return ""
	}
	return fmt.Sprintf("belongs to user %d (mode %04o), this process is user %d", own.Uid, st.Mode().Perm(), os.Geteuid())
}
