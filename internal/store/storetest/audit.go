package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/account"
)

func auditLog(t *testing.T, s Backend) {
	var all []account.AuditEntry
	for i := range 5 {
		e := account.AuditEntry{
			Tenant: 1, At: noon.Add(time.Duration(i) * time.Minute), Actor: "key_1", ActorName: "opsø", Action: []string{"gate.update", "key.create"}[i%2],
			Target: "t", Before: []byte(`{"a":1.10}`), After: []byte(`{"a":2}`),
		}
		if i == 0 {
			e.Before = nil
		}
		if i == 4 {
			e.Tenant = 2
		}
		if err := s.AuditAppend(ctx, e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	for name, c := range map[string]struct {
		q    account.AuditQuery
		want []int
	}{
		"all":    {account.AuditQuery{Tenant: 1}, []int{3, 2, 1, 0}},
		"tenant": {account.AuditQuery{Tenant: 2}, []int{4}},
		"action": {account.AuditQuery{Tenant: 1, Action: "key.create"}, []int{3, 1}},
		"since":  {account.AuditQuery{Tenant: 1, Since: noon.Add(2 * time.Minute)}, []int{3, 2}},
		"until":  {account.AuditQuery{Tenant: 1, Until: noon.Add(2 * time.Minute)}, []int{1, 0}},
	} {
		for _, limit := range []int{1, 3, 10} {
			var got []int
			q := c.q
			q.Limit = limit
			for {
				list, next, err := s.AuditList(ctx, q)
				if err != nil || len(list) > limit {
					t.Fatalf("%s: got %d, %v", name, len(list), err)
				}
				for _, e := range list {
					e.ID = 0
					got = append(got, slices.IndexFunc(all, func(o account.AuditEntry) bool { return same(o, e) }))
				}
				if q.Before = next; next == 0 {
					break
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s, by %d: got %v, want %v", name, limit, got, c.want)
			}
		}
		s.Reopen(t)
	}
}
