//go:build !linux

package cli

import "context"

// notify does nothing: only Linux has systemd.
func (e *Env) notify(string) {}

// watchdog does nothing: only Linux has systemd.
func (e *Env) watchdog(context.Context, func(context.Context) error) {}
