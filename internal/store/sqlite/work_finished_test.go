package sqlite

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/sqlite/powercut"
)

// past is a delivery as the test below knows it: its owed row, if
// anything, and how often it was attempted.
type past struct {
	row   delivery.Owed
	made  int
	owed  bool
	story string
}

// TestPowerCutFinished makes random histories of deliveries, of which work.db
// loses a random end: what has come to its end is not claimed afterwards, and
// what is owed is, in the state in which it may be found.
func TestPowerCutFinished(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { powerCutFinished(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

func powerCutFinished(t *testing.T, rng *rand.Rand) {
	const webhook, deliveries = 3, 30
	disk := powercut.Watch(t)
	ctx, dir := t.Context(), t.TempDir()
	s, err := Open(ctx, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	record := func(r *delivery.Record) {
		t.Helper()
		if err := s.Record(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Now().UTC().Truncate(time.Millisecond)
	list := make([]past, deliveries)
	for i := range list {
		p := &list[i]
		p.owed, p.story = true, "owed"
		p.row = delivery.Owed{Tenant: event.DefaultTenant, Event: s.EventReserve(), Webhook: webhook, Due: at, Since: at, Reason: delivery.ReasonBacklog}
		if i%3 == 0 {
			p.row.Order, p.row.Reason = int64(1+i%2), delivery.ReasonTurn
		}
		record(&delivery.Record{Owe: []delivery.Owed{p.row}})
	}
	steps := 150 + rng.IntN(150)
	for step := range steps {
		at = at.Add(time.Duration(1+rng.IntN(3)) * time.Millisecond)
		p := &list[rng.IntN(len(list))]
		a := &delivery.Attempt{Tenant: p.row.Tenant, Event: p.row.Event, EventType: "a.b", Webhook: webhook, At: at, Number: p.row.Attempts + 1}
		switch n := rng.IntN(10); {
		case !p.owed && step < steps-40+rng.IntN(40): // asked for once more: synced, as all before it
			p.story += ", asked for again"
			p.row.Due, p.row.Since, p.row.Attempts, p.row.Base, p.row.Reason = at, at, p.made, p.made, delivery.ReasonManual
			p.owed = true
			record(&delivery.Record{Owe: []delivery.Owed{p.row}})
		case !p.owed:
		case n < 3:
			p.story += ", retrying"
			a.Outcome, a.NextAt = delivery.Retrying, at
			p.made = max(p.made, a.Number)
			p.row.Attempts, p.row.Due, p.row.Reason = p.row.Attempts+1, at, delivery.ReasonRetry
			record(&delivery.Record{Attempts: []*delivery.Attempt{a}, Owe: []delivery.Owed{p.row}})
		case n < 5: // without a request, with the number of the last one
			a.Outcome, a.Number = []delivery.Outcome{delivery.Canceled, delivery.Expired, delivery.Discarded}[rng.IntN(3)], p.row.Attempts
			if p.row.Reason == delivery.ReasonManual { // who asks twice may be answered twice
				continue
			}
			p.story += ", " + a.Outcome.String()
			p.owed = false
			record(&delivery.Record{Attempts: []*delivery.Attempt{a}, Settle: []delivery.Owed{p.row}})
		case n < 6 && p.row.Reason != delivery.ReasonManual: // asked for while an attempt is under way, which then succeeds
			p.story += ", asked for meanwhile"
			p.row.Due, p.row.Since, p.row.Base, p.row.Reason = at.Add(time.Millisecond), at.Add(time.Millisecond), p.row.Attempts, delivery.ReasonManual
			at = at.Add(time.Millisecond)
			a.Outcome = delivery.Delivered
			record(&delivery.Record{Owe: []delivery.Owed{p.row}})
			record(&delivery.Record{Attempts: []*delivery.Attempt{a}})
			p.made = max(p.made, a.Number)
		default:
			a.Outcome = []delivery.Outcome{delivery.Delivered, delivery.Failed}[rng.IntN(2)]
			p.story += ", " + a.Outcome.String()
			p.made = max(p.made, a.Number)
			p.owed = false
			record(&delivery.Record{Attempts: []*delivery.Attempt{a}, Settle: []delivery.Owed{p.row}})
		}
		if rng.IntN(60) == 0 {
			s.attempts.indexPass(true)
		}
	}
	after := filepath.Join(t.TempDir(), "after")
	disk.Cut(t, dir, after)
	s, err = Open(ctx, Options{Dir: after})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	back := s.OwedCount()
	claimed := make(map[event.ID]bool)
	for {
		rows, err := s.OwedClaim(ctx, webhook, at.Add(time.Hour), 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 0 {
			break
		}
		for _, o := range rows {
			claimed[o.Event] = true
		}
		if err := s.Record(ctx, &delivery.Record{Settle: rows}); err != nil { // so that others of its order may be claimed
			t.Fatal(err)
		}
	}
	ended := 0
	for i := range list {
		p := &list[i]
		if !p.owed {
			ended++
		}
		if claimed[p.row.Event] != p.owed {
			t.Errorf("%s: claimed after the power cut: %v, want %v", p.story, claimed[p.row.Event], p.owed)
		}
	}
	t.Logf("%d rows came back, %d of %d deliveries had ended", back, ended, len(list))
}
