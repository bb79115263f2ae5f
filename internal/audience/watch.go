package audience

import (
	"slices"

	"github.com/relay-events/relay/internal/event"
)

// Watcher hears who enters audiences and leaves them: journeys. Its methods are safe for concurrent use.
type Watcher interface {
	// Watches reports whether crossings of the audience are to be noted.
	Watches(tenant event.TenantID, audience int64) bool
	// Crossed is called when crossings were stored.
	Crossed()
	// Uses says why an audience of the number can be neither made nor deleted, "" if it can.
	Uses(tenant event.TenantID, audience int64) string
}

// Watch sets who hears of crossings. It must be called before the first change.
func (a *Audiences) Watch(w Watcher) { a.watcher = w }

// watched returns the audiences of a change of which crossings are to be noted.
func (a *Audiences) watched(c *Change) (list []int64) {
	if a.watcher == nil {
		return nil
	}
	for _, members := range [][]Member{c.Join, c.Leave} {
		for _, m := range members {
			if !slices.Contains(list, m.Audience) && a.watcher.Watches(c.Tenant, m.Audience) {
				list = append(list, m.Audience)
			}
		}
	}
	return list
}
