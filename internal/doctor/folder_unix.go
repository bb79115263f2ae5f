//go:build unix

package doctor

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// permissions looks at who may do what in the folder. It reports whether its databases may be opened:
// root would create files beside them that the server could not open.
func (r *run) permissions(dir string, st os.FileInfo) (mayRead bool) {
	own, _ := st.Sys().(*syscall.Stat_t)
	mode := st.Mode().Perm()
	if own != nil && int(own.Uid) != os.Geteuid() {
		level := Problem
		if os.Geteuid() == 0 {
			level = Warning
		}
		r.add(level, "owner", dir, fmt.Sprintf("it belongs to user %d (mode %04o), this process is user %d", own.Uid, mode, os.Geteuid()),
			fmt.Sprintf("run this and the server as user %d, or change the owner with chown", own.Uid))
		return false
	}
	switch err := unix.Access(dir, unix.R_OK|unix.W_OK|unix.X_OK); {
	case errors.Is(err, unix.EROFS):
		r.add(Problem, "permissions", dir, "the disk is mounted read-only", "see in dmesg why; mount it for writing: mount -o remount,rw MOUNTPOINT")
	case err != nil:
		r.add(Problem, "permissions", dir, fmt.Sprintf("mode %04o does not let its owner read and write: %v", mode, err), "chmod 700 "+dir)
		return false
	case mode&0o077 != 0:
		r.add(Warning, "permissions", dir, fmt.Sprintf("other users may look into it (mode %04o)", mode), "chmod 700 "+dir)
	default:
		r.ok("permissions", dir, "its owner alone may read and write it")
	}
	return true
}

// freeRoom returns the free bytes and inodes of a disk; negative inodes: it has no bound.
func freeRoom(dir string) (bytes, nodes int64, known bool) {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return 0, 0, false
	}
	nodes = -1
	if s.Files > 0 {
		nodes = int64(s.Ffree) //nolint:unconvert // the field's type differs by system
	}
	return int64(s.Bavail) * int64(s.Bsize), nodes, true //nolint:unconvert // likewise
}

// lockHolder returns the process that has locked a file, zero if none has. Only Linux tells it without
// trying for the lock, which a server that starts just then would miss.
func lockHolder(path string) (pid int, known bool) {
	st, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	own, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	f, err := os.Open("/proc/locks")
	if err != nil {
		return 0, false
	}
	defer f.Close()
	inode := ":" + strconv.FormatUint(uint64(own.Ino), 10) //nolint:unconvert // the field's type differs by system
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// 1: FLOCK  ADVISORY  WRITE 4711 08:01:131090 0 EOF
		if fields := strings.Fields(lines.Text()); len(fields) > 5 && fields[1] == "FLOCK" && strings.HasSuffix(fields[5], inode) {
			pid, err := strconv.Atoi(fields[4])
			return pid, err == nil
		}
	}
	return 0, true
}

// openFiles returns how many files a process may open; zero: unknown. That of the server counts; of
// this process it is what the shell allows.
func openFiles(pid int) (limit uint64) {
	var l unix.Rlimit
	if pid == 0 {
		if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
			return 0
		}
		return uint64(l.Cur) //nolint:unconvert // the field's type differs by system
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "Max open files"); ok {
			if fields := strings.Fields(rest); len(fields) > 0 {
				limit, _ = strconv.ParseUint(fields[0], 10, 64) // "unlimited" is no number
			}
		}
	}
	return limit
}
