package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/tally"
)

// tallies: counts add up by their key, are summed over hours, and expire.
func tallies(t *testing.T, s Backend) {
	hour := noon.Truncate(time.Hour)
	row := func(tenant event.TenantID, webhook uint32, hours int, kind tally.Kind, name string, n int64) tally.Row {
		return tally.Row{Tenant: tenant, Webhook: webhook, Hour: hour.Add(time.Duration(hours) * time.Hour), Kind: kind, Name: name, Count: n}
	}
	for range 2 {
		rows := []tally.Row{
			row(1, 0, 0, tally.Class, "2xx", 5), row(1, 0, 1, tally.Class, "2xx", 2), row(1, 7, 0, tally.Class, "2xx", 5),
			row(1, 7, 0, tally.Type, "a.b ø", 1<<40), row(2, 0, 0, tally.Class, "2xx", 100),
		}
		if err := s.TallyAdd(ctx, rows); err != nil {
			t.Fatal(err)
		}
		s.Reopen(t)
	}
	check := func(from, to int, webhooks []uint32, want string) {
		t.Helper()
		rows, err := s.TallySum(ctx, tally.Query{Tenant: 1, Webhooks: webhooks, From: hour.Add(time.Duration(from) * time.Hour), To: hour.Add(time.Duration(to) * time.Hour)})
		got := ""
		for _, r := range rows {
			got += fmt.Sprintf("%d %d %s=%d; ", r.Webhook, r.Kind, r.Name, r.Count)
		}
		if err != nil || got != want {
			t.Errorf("hours %d to %d of %v: got %q, %v, want %q", from, to, webhooks, got, err, want)
		}
	}
	check(0, 2, []uint32{0}, "0 1 2xx=14; ")
	check(0, 1, []uint32{0}, "0 1 2xx=10; ")
	check(1, 2, []uint32{0, 7}, "0 1 2xx=4; ")
	check(-5, 5, []uint32{7, 9}, fmt.Sprintf("7 1 2xx=10; 7 3 a.b ø=%d; ", int64(1)<<41))
	check(0, 2, nil, "")
	total := 0
	for range 3 {
		n, err := s.TallyExpire(ctx, hour.Add(time.Hour), 2)
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	if total != 4 {
		t.Errorf("%d rows have expired, want 4", total)
	}
	check(-5, 5, []uint32{0, 7}, "0 1 2xx=4; ")
}
