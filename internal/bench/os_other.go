//go:build !linux

package bench

import (
	"syscall"
	"time"
)

func childAttributes() *syscall.SysProcAttr { return nil }

func preciseSleep(d time.Duration) { time.Sleep(d) }

func diskBytes(_ any, size int64) int64 { return size }
