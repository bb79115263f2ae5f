package priority

import "syscall"

// lower sets the nice value of the current thread. If that fails, the priority stays normal, as on
// other systems.
func lower(nice int) { _ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, nice) }
