package storetest

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/event"
)

func catalogueRecords(t *testing.T, s Backend) {
	rec := func(tenant event.TenantID, kind catalogue.Kind, name, version, body string) catalogue.Record {
		return catalogue.Record{Tenant: tenant, Kind: kind, Name: name, Version: version, Body: []byte(body), CreatedAt: noon, UpdatedAt: noon}
	}
	one := rec(1, catalogue.KindType, "order.created", "1", `{"name":"order.created","description":"ü \u0000"}`)
	two := rec(1, catalogue.KindType, "order.created", "2", `{}`)
	rule := rec(1, catalogue.KindRule, "order.created", "", `{"a":[1.10]}`)
	other := rec(2, catalogue.KindType, "order.created", "1", `{"other":true}`)
	put := func(records ...catalogue.Record) {
		t.Helper()
		byTenant := make(map[event.TenantID][]catalogue.Record)
		for _, r := range records {
			byTenant[r.Tenant] = append(byTenant[r.Tenant], r)
		}
		for _, tenant := range slices.Sorted(maps.Keys(byTenant)) {
			if err := s.CatalogueChange(ctx, catalogue.RecordChange{Tenant: tenant, Put: byTenant[tenant]}); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func(want ...catalogue.Record) {
		t.Helper()
		for range 2 {
			got, err := s.CatalogueList(ctx)
			if err != nil || len(got) != len(want) {
				t.Fatalf("got %d records, %v, want %d", len(got), err, len(want))
			}
			for i := range want {
				if !same(got[i], want[i]) || string(got[i].Body) != string(want[i].Body) {
					t.Errorf("record %d: got  %+v\nwant %+v", i, got[i], want[i])
				}
			}
			s.Reopen(t)
		}
	}
	check()
	put(two, one)
	put(rule, other)
	check(two, one, rule, other)

	// A record that is there keeps its place and the time it was made.
	two.Body, two.UpdatedAt = []byte(`{"new":1}`), noon.Add(time.Hour)
	again := two
	again.CreatedAt = noon.Add(time.Hour)
	third := rec(1, catalogue.KindSwitch, "urgent-call", "", `{}`)
	put(third, again)
	check(two, one, rule, other, third)

	remove := func(tenant event.TenantID, keys ...catalogue.RecordKey) {
		t.Helper()
		if err := s.CatalogueChange(ctx, catalogue.RecordChange{Tenant: tenant, Remove: keys}); err != nil {
			t.Fatal(err)
		}
	}
	typ := func(version string) catalogue.RecordKey {
		return catalogue.RecordKey{Kind: catalogue.KindType, Name: "order.created", Version: version}
	}
	// What is not there, or another tenant's, is no mistake.
	remove(3, typ("1"))
	remove(1, typ("9"), catalogue.RecordKey{Kind: catalogue.KindSettings, Name: "order.created"})
	check(two, one, rule, other, third)
	remove(1, typ("1"))
	check(two, rule, other, third)
	put(one)
	remove(1, typ(""), catalogue.RecordKey{Kind: catalogue.KindSwitch, Name: "urgent-call"})
	check(rule, other)
}
