package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/ingest"
)

func scanInOrder(t *testing.T, s Backend) {
	var ids []event.ID
	for i := range 30 {
		other := Publication(Event("", "other", ""))
		other.Tenant = 2
		p := Publication(Event("", "a", fmt.Sprint(i)), Event("", "b", fmt.Sprint(i)))
		MustAppend(t, s, other, p)
		ids = append(ids, p.Items[0].Event.ID, p.Items[1].Event.ID)
	}
	scan := func(after, until event.ID, stopAfter int) (got []event.ID) {
		err := s.EventScan(ctx, event.DefaultTenant, after, until, func(e *event.Event) bool {
			got = append(got, e.ID)
			return len(got) != stopAfter
		})
		if err != nil {
			t.Fatalf("EventScan(%d, %d): %v", after, until, err)
		}
		return got
	}
	last := ids[len(ids)-1]
	tests := []struct {
		after, until event.ID
		stop         int
		want         []event.ID
	}{
		{0, last, 0, ids},
		{0, 1<<62 - 1, 0, ids},
		{ids[4], ids[9], 0, ids[5:10]},
		{ids[5], ids[6], 0, ids[6:7]},
		{ids[5], ids[5], 0, nil},
		{ids[4], last, 3, ids[5:8]},
		{last, last + 1000, 0, nil},
	}
	for _, tt := range tests {
		if got := scan(tt.after, tt.until, tt.stop); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("EventScan(%d, %d), stopped after %d: got %d, want %d", tt.after, tt.until, tt.stop, got, tt.want)
		}
	}
}

// largeGroups appends more than one intake can hold.
func largeGroups(t *testing.T, s Backend) {
	tests := []struct{ events, size int }{{1, 1 << 20}, {9000, 0}, {500, 1000}, {3, 200_000}, {40, 30_000}}
	for _, tt := range tests {
		var items []ingest.Item
		for i := range tt.events {
			items = append(items, Event("", "a", fmt.Sprintf("%d-%d %s", tt.events, i, strings.Repeat("x", tt.size))))
		}
		p := Publication(items...)
		var ids []event.ID
		for _, in := range MustAppend(t, s, p) {
			for _, e := range in.Events {
				ids = append(ids, e.ID)
			}
		}
		if len(ids) != tt.events {
			t.Fatalf("%d events of %d bytes: got %d in intakes", tt.events, tt.size, len(ids))
		}
		got := mustGet(t, s, ids...)
		for i := range p.Items {
			if p.Items[i].Event.ID != ids[i] {
				t.Fatalf("item %d has id %d, the intakes say %d", i, p.Items[i].Event.ID, ids[i])
			}
			checkEvent(t, got[ids[i]], p.Items[i].Event)
		}
	}
}

func openIntakes(t *testing.T, s Backend) {
	var in []delivery.Intake
	for i := range 6 {
		in = append(in, MustAppend(t, s, Publication(Event("", "a", fmt.Sprint(i)), Event("", "b", fmt.Sprint(i))))...)
	}
	if err := s.Record(ctx, &delivery.Record{Close: []event.ID{in[0].ID, in[1].ID, in[4].ID}}); err != nil {
		t.Fatal(err)
	}
	check := func(want ...delivery.Intake) {
		t.Helper()
		var got []delivery.Intake
		err := s.IntakeOpen(ctx, func(i delivery.Intake) error {
			i.Token = 0 // another one's by now
			got = append(got, i)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("got open intakes %+v\nwant %+v", got, want)
		}
	}
	for i := range in {
		in[i].Token = 0
	}
	has := func(when string, want ...int) {
		t.Helper()
		for i := range in {
			for _, e := range in[i].Events {
				if got, err := s.IntakeHas(ctx, e.ID); err != nil || got != slices.Contains(want, i) {
					t.Errorf("%s: event %d of intake %d: got open: %t, %v", when, e.ID-in[i].ID, i, got, err)
				}
			}
		}
	}
	has("at first", 2, 3, 5)
	s.Reopen(t)
	check(in[2], in[3], in[5])
	has("opened again", 2, 3, 5)
	if err := s.Record(ctx, &delivery.Record{Close: []event.ID{in[2].ID, in[3].ID, in[5].ID}}); err != nil {
		t.Fatal(err)
	}
	has("all closed")
	s.Reopen(t)
	check()
	has("all closed and opened again")
	in = append(in, MustAppend(t, s, Publication(Event("", "a", "last")))...)
	has("one more", 6)
}

// daysPass appends over virtual days, with the store opened again between.
func daysPass(t *testing.T, s Backend) {
	var want []event.ID
	for i := range 60 {
		p := Publication(Event(fmt.Sprint("k", i), "a", fmt.Sprint(i)))
		MustAppend(t, s, p)
		want = append(want, p.Items[0].Event.ID)
		time.Sleep(11 * time.Hour)
		if i%20 == 10 {
			s.Reopen(t)
		}
	}
	list := MustList(t, s, ingest.Query{Limit: 7})
	if len(list) != len(want) {
		t.Fatalf("got %d events, want %d", len(list), len(want))
	}
	for i, e := range list {
		if e.ID != want[len(want)-1-i] {
			t.Errorf("event %d of the list: got %d, want %d", i, e.ID, want[len(want)-1-i])
		}
	}
	if got := mustGet(t, s, want...); len(got) != len(want) {
		t.Errorf("got %d events by id, want %d", len(got), len(want))
	}
	n := 0
	if err := s.EventScan(ctx, event.DefaultTenant, 0, want[len(want)-1], func(e *event.Event) bool {
		if e.ID != want[n] {
			t.Errorf("scan %d: got %d, want %d", n, e.ID, want[n])
		}
		n++
		return true
	}); err != nil || n != len(want) {
		t.Errorf("scanned %d events, %v, want %d", n, err, len(want))
	}
	p := Publication(Event("k3", "a", "3"))
	if MustAppend(t, s, p); !p.Items[0].Duplicate || p.Items[0].Event.ID != want[3] {
		t.Errorf("a key of weeks ago: got duplicate %t of %d, want of %d", p.Items[0].Duplicate, p.Items[0].Event.ID, want[3])
	}
}

func retention(t *testing.T, s Backend) {
	start := time.Now()
	var ids []event.ID
	for i := range 20 { // two a day
		p := Publication(Event(fmt.Sprint("k", i), "a", fmt.Sprint(i)))
		in := MustAppend(t, s, p)
		ids = append(ids, p.Items[0].Event.ID)
		if err := s.Record(ctx, &delivery.Record{Close: []event.ID{in[0].ID}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(12 * time.Hour)
	}
	if err := s.Expire(ctx, start.Add(5*24*time.Hour), start); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		got := MustList(t, s, ingest.Query{})
		if len(got) != 10 || got[9].ID != ids[10] {
			t.Errorf("got %d events, want the last 10 of %d", len(got), len(ids))
		}
		if got := mustGet(t, s, ids...); len(got) != 10 {
			t.Errorf("got %d events by id, want 10", len(got))
		}
	}
	check()
	if _, ok, err := s.EventFind(ctx, event.DefaultTenant, "k2"); ok || err != nil {
		t.Errorf("an expired event is found: %t, %v", ok, err)
	}
	s.Reopen(t)
	check()
	old, kept := Publication(Event("k2", "a", "a new event")), Publication(Event("k12", "a", "12"))
	MustAppend(t, s, old, kept)
	if old.Err != nil || old.Items[0].Duplicate {
		t.Errorf("an expired event's key is taken: %v, duplicate %t", old.Err, old.Items[0].Duplicate)
	}
	if !kept.Items[0].Duplicate {
		t.Error("a kept event's key is free")
	}
}

func retentionKeeps(t *testing.T, s Backend) {
	var ids []event.ID
	for i := range 6 {
		in := MustAppend(t, s, Publication(Event("", "a", fmt.Sprint(i))))
		ids = append(ids, in[0].ID)
		r := delivery.Record{Close: []event.ID{in[0].ID}}
		switch i {
		case 1: // stays open
			r.Close = nil
		case 3:
			r.Owe = []delivery.Owed{{Tenant: event.DefaultTenant, Event: in[0].ID, Webhook: 1, Due: time.Now(), Since: time.Now(), Reason: delivery.ReasonRetry}}
		}
		if err := s.Record(ctx, &r); err != nil {
			t.Fatal(err)
		}
		time.Sleep(24 * time.Hour)
	}
	s.Reopen(t) // also in a process that has not written yet
	if err := s.Expire(ctx, time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	got := mustGet(t, s, ids...)
	for _, i := range []int{1, 3} {
		if _, ok := got[ids[i]]; !ok {
			t.Errorf("event %d is gone, though it is not done", i)
		}
	}
	if _, ok := got[ids[0]]; ok {
		t.Error("event 0 is still there, though it is done and old")
	}
	if err := s.Record(ctx, &delivery.Record{
		Close:  []event.ID{ids[1]},
		Settle: []delivery.Owed{{Tenant: event.DefaultTenant, Event: ids[3], Webhook: 1}},
	}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // closing may be stored a little later
	if err := s.Expire(ctx, time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := mustGet(t, s, ids...); len(got) != 0 {
		t.Errorf("got %d events after all were done, want 0", len(got))
	}
}

func idsRise(t *testing.T, s Backend) {
	var last event.ID
	for range 3 {
		in := MustAppend(t, s, Publication(Event("", "a", "1")))
		last = in[0].ID
		if err := s.Record(ctx, &delivery.Record{Close: []event.ID{last}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(48 * time.Hour)
		if err := s.Expire(ctx, time.Now(), time.Now()); err != nil {
			t.Fatal(err)
		}
		s.Reopen(t)
	}
	in := MustAppend(t, s, Publication(Event("", "a", "1")))
	if in[0].ID <= last {
		t.Errorf("got id %d after %d", in[0].ID, last)
	}
	if id := s.EventReserve(); id <= in[0].ID {
		t.Errorf("EventReserve() = %d after %d", id, in[0].ID)
	}
}

// retentionKeepsLogged checks that an event stays as long as the log mentions
// it, however much later that was, and goes with the last entry.
func retentionKeepsLogged(t *testing.T, s Backend) {
	const days = 24 * time.Hour
	start := time.Now()
	var ids []event.ID
	for i := range 5 { // one a day
		in := MustAppend(t, s, Publication(Event("", "a", fmt.Sprint(i))))
		ids = append(ids, in[0].ID)
		if err := s.Record(ctx, &delivery.Record{Close: []event.ID{in[0].ID}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(days)
	}
	entry := func(of int, o delivery.Outcome) {
		t.Helper()
		a := &delivery.Attempt{
			Tenant: event.DefaultTenant, Event: ids[of], EventType: "a", Webhook: 1, Number: 1,
			At: time.Now().UTC().Truncate(time.Millisecond), Outcome: o,
			Request: exchange.Request{Method: "POST", URL: "https://example.com/", BodyFormat: "relay"},
		}
		if err := s.Record(ctx, &delivery.Record{Attempts: []*delivery.Attempt{a}}); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string, want ...int) {
		t.Helper()
		now := time.Now()
		for _, reopened := range []bool{false, true} {
			if reopened {
				s.Reopen(t) // so that entries that were in memory only are read from the disk
			}
			if err := s.Expire(ctx, now.Add(-10*days), now.Add(-10*days)); err != nil {
				t.Fatal(err)
			}
			got := mustGet(t, s, ids...)
			for i, id := range ids {
				_, ok := got[id]
				if ok != slices.Contains(want, i) {
					t.Errorf("%s (opened again: %t): event %d is stored: %t, want %v", when, reopened, i, ok, want)
				}
			}
		}
	}
	entry(0, delivery.Delivered) // day 5: a replay of an event of day 0
	time.Sleep(4 * days)
	entry(1, delivery.Failed) // day 9
	entry(3, delivery.Expired)
	check("after 9 days", 0, 1, 2, 3, 4)
	time.Sleep(time.Until(start.Add(15*days + 12*time.Hour)))
	check("after 15 days and a half", 0, 1, 3) // the entry of day 5 is still there
	entry(3, delivery.Delivered)
	time.Sleep(time.Until(start.Add(18 * days)))
	check("after 18 days", 1, 3)
	time.Sleep(time.Until(start.Add(22 * days)))
	check("after 22 days", 3)
	time.Sleep(time.Until(start.Add(27 * days)))
	check("after 27 days")
}
