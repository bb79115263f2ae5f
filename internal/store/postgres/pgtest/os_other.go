//go:build unix && !linux

package pgtest

import (
	"syscall"
	"time"
)

func dieWithParent(*syscall.SysProcAttr) {}

func groupCPU(int) time.Duration { return 0 }
