package pgtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// dieWithParent has the kernel stop the process when the test process ends,
// however that happens.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGQUIT }

// groupCPU adds up the times of a process and its children, see proc_pid_stat(5).
func groupCPU(pid int) (total time.Duration) {
	const tick = 10 * time.Millisecond             // USER_HZ is 100 on all of Go's architectures
	paths, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is valid
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(rest) // f[0] is field 3
		if len(f) < 15 {
			continue
		}
		own := path == fmt.Sprintf("/proc/%d/stat", pid)
		if !own && f[1] != strconv.Itoa(pid) {
			continue
		}
		fields := f[11:13] // utime, stime
		if own {
			fields = f[11:15] // and those of children that have ended
		}
		for _, v := range fields {
			n, _ := strconv.ParseInt(v, 10, 64) // numbers
			total += time.Duration(n) * tick
		}
	}
	return total
}
