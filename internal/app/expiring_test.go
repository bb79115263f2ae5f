//go:build unix

package app

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/event"
)

// TestKeyExpiring: an event tells once, on several servers too, that a key will end: 14 days before, or when half of its life
// is over.
func TestKeyExpiring(t *testing.T) {
	onStores(t, func(t *testing.T, c config.Config) {
		servers := []*App{run(t, c)}
		if c.Database != "" {
			servers = append(servers, run(t, c))
		}
		now := time.Now().UTC()
		day := 24 * time.Hour
		made := map[string]string{} // names by the keys' ids
		for name, life := range map[string]time.Duration{"long": 60 * day, "short": 2 * day, "endless": 0} {
			n := account.NewKey{Name: name, Scopes: []access.Scope{access.ScopeRead}}
			if life > 0 {
				n.ExpiresAt = now.Add(life)
			}
			k, _, err := servers[0].keys.Create(t.Context(), access.System(event.DefaultTenant), n)
			if err != nil {
				t.Fatal(err)
			}
			made[k.ID] = name
		}
		for _, a := range servers {
			if err := a.keys.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		told := map[string]int{}
		for _, step := range []struct {
			at   time.Duration
			want map[string]int
		}{
			{23 * time.Hour, map[string]int{}},
			{25 * time.Hour, map[string]int{"short": 1}},
			{45 * day, map[string]int{"short": 1}},
			{47 * day, map[string]int{"short": 1, "long": 1}},
			{48 * day, map[string]int{"short": 1, "long": 1}},
		} {
			var wg sync.WaitGroup
			for _, a := range servers {
				wg.Go(func() {
					if err := a.keys.WarnExpiring(context.Background(), now.Add(step.at), a.publishOnce); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			list, err := dial(t, servers[0], adminKey).ListEventsPage(t.Context(), client.ListEventsParams{Type: account.EventKeyExpiring})
			if err != nil {
				t.Fatal(err)
			}
			clear(told)
			for _, e := range list.Data {
				var data struct {
					ID, Name, Hint string
					ExpiresAt      time.Time
				}
				if err := json.Unmarshal(e.Data, &data); err != nil || data.Name != made[data.ID] || data.Hint == "" || data.ExpiresAt.IsZero() {
					t.Errorf("got %s, %v", e.Data, err)
				}
				told[data.Name]++
			}
			if len(told) != len(step.want) || told["short"] != step.want["short"] || told["long"] != step.want["long"] {
				t.Errorf("after %v: got %v, want %v", step.at, told, step.want)
			}
		}
	})
}
