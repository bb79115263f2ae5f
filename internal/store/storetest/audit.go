package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
)

func auditLog(t *testing.T, s Backend) {
	var all []access.Entry
	for i := range 5 {
		e := access.Entry{
			Tenant: 1, At: noon.Add(time.Duration(i) * time.Minute), Actor: access.Actor{Kind: access.ActorKey, ID: "key_1", Name: "opsø"},
			Action: []string{"gate.update", "key.create"}[i%2], Before: []byte(`{"a":1.10}`), After: []byte(`{"a":2}`),
			Request: access.Request{ID: "req_1", Address: "192.0.2.1", UserAgent: "curl/8"},
			Targets: []access.Target{{Type: "key", ID: fmt.Sprintf("key_%d", i), Name: "æ"}, {Type: "webhook", ID: "wh_1"}},
		}
		if i == 0 {
			e.Before = nil
		}
		if i == 4 {
			e.Tenant = 2
		}
		if err := s.AuditAppend(ctx, &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	for name, c := range map[string]struct {
		q    access.Query
		want []int
	}{
		"all":    {access.Query{Tenant: 1}, []int{3, 2, 1, 0}},
		"tenant": {access.Query{Tenant: 2}, []int{4}},
		"action": {access.Query{Tenant: 1, Action: "key.create"}, []int{3, 1}},
		"below":  {access.Query{Tenant: 1, Action: "gate.*"}, []int{2, 0}},
		"actor":  {access.Query{Tenant: 1, Actor: "key_1"}, []int{3, 2, 1, 0}},
		"nobody": {access.Query{Tenant: 1, Actor: "key_2"}, nil},
		"target": {access.Query{Tenant: 1, Target: "key_2"}, []int{2}},
		"second": {access.Query{Tenant: 1, Target: "wh_1"}, nil},
		"since":  {access.Query{Tenant: 1, Since: noon.Add(2 * time.Minute)}, []int{3, 2}},
		"until":  {access.Query{Tenant: 1, Until: noon.Add(2 * time.Minute)}, []int{1, 0}},
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
					got = append(got, slices.IndexFunc(all, func(o access.Entry) bool { return same(o, e) }))
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
