package webhook

import "time"

// RetryChange is a change of some members of a policy. Those that are nil stay as they are; a pointer to a zero value
// resets a member to its default.
type RetryChange struct {
	Preset      *string
	Attempts    *int
	Waits       *[]time.Duration
	InitialWait *time.Duration
	Factor      *float64
	MaxWait     *time.Duration
	MaxAge      *time.Duration
	RetryOn     *[]string
}

// Merge makes the change. Naming a preset starts from that preset alone; naming another member, or no preset, turns a
// preset into a custom policy; a list of waits and growing waits replace each other.
func (r *Retry) Merge(c RetryChange) {
	named := c.Attempts != nil || c.Waits != nil || c.InitialWait != nil || c.Factor != nil || c.MaxWait != nil || c.MaxAge != nil || c.RetryOn != nil
	switch {
	case c.Preset != nil && *c.Preset != "":
		*r = Retry{Preset: *c.Preset}
	case c.Preset != nil || named:
		r.Preset = ""
	}
	if c.Waits != nil && *c.Waits != nil && c.Preset == nil {
		r.InitialWait, r.Factor = 0, 0
	}
	if (c.InitialWait != nil || c.Factor != nil) && c.Waits == nil {
		r.Waits = nil
	}
	set(&r.Attempts, c.Attempts)
	set(&r.InitialWait, c.InitialWait)
	set(&r.Factor, c.Factor)
	set(&r.MaxWait, c.MaxWait)
	set(&r.MaxAge, c.MaxAge)
	set(&r.RetryOn, c.RetryOn)
	if c.Waits != nil {
		r.Waits = append([]time.Duration(nil), *c.Waits...)
	}
}

func set[T any](dst, value *T) {
	if value != nil {
		*dst = *value
	}
}
