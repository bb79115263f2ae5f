package event

import (
	"math/rand/v2"
	"sort"
	"testing"
	"time"
)

func TestIDPublicRoundTripAndOrder(t *testing.T) {
	ids := []ID{0, 1, 31, 32, 1<<63 - 1, FirstID(time.Date(2026, 5, 5, 14, 23, 0, 0, time.UTC))}
	for range 1000 {
		ids = append(ids, ID(rand.Int64()))
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	for i, id := range ids {
		s := id.Public(EventPrefix)
		if len(s) != 17 {
			t.Fatalf("Public(%d) = %q, want 17 characters", id, s)
		}
		if i > 0 && ids[i-1] < id && ids[i-1].Public(EventPrefix) >= s {
			t.Errorf("order lost: %d < %d but %q >= %q", ids[i-1], id, ids[i-1].Public(EventPrefix), s)
		}
		if got, err := ParseID(EventPrefix, s); err != nil || got != id {
			t.Errorf("ParseID(%q) = %d, %v, want %d", s, got, err, id)
		}
		d := DeliveryID{Event: id, Webhook: rand.Uint32()}
		if got, err := ParseDeliveryID(d.String()); err != nil || got != d {
			t.Errorf("ParseDeliveryID(%q) = %v, %v, want %v", d.String(), got, err, d)
		}
	}
}

func TestParseIDRefuses(t *testing.T) {
	good := ID(123456789).Public(EventPrefix)
	for _, s := range []string{
		"", "evt_", good[:len(good)-1], good + "0", "att_" + good[4:], "EVT_" + good[4:],
		"evt_zzzzzzzzzzzzz", "evt_000000000000u", "evt_00000000000 0", "evt_g000000000000",
	} {
		if id, err := ParseID(EventPrefix, s); err == nil {
			t.Errorf("ParseID(%q) = %d, want an error", s, id)
		}
	}
	if d, err := ParseDeliveryID("whk_" + good[4:]); err == nil {
		t.Errorf("ParseDeliveryID of a short id = %v, want an error", d)
	}
}

func TestSequenceRisesWhateverTheClockDoes(t *testing.T) {
	s := NewSequence(7, 0)
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	var last ID
	for i := range 100_000 {
		switch i % 1000 {
		case 400:
			now = now.Add(-time.Hour)
		case 800:
			now = now.Add(2 * time.Hour)
		}
		n := 1 + i%7
		id := s.Reserve(now, n)
		if id <= last {
			t.Fatalf("step %d: id %d after %d", i, id, last)
		}
		end := id + ID(n) - 1
		if id.Node() != 7 || end.Node() != 7 {
			t.Fatalf("step %d: nodes %d and %d, want 7", i, id.Node(), end.Node())
		}
		if !id.Time().Equal(end.Time()) {
			t.Fatalf("step %d: a reservation spans %v and %v", i, id.Time(), end.Time())
		}
		last = end
	}
	if got := NewSequence(7, last).Reserve(now.Add(-24*time.Hour), 1); got <= last {
		t.Errorf("after a restart with the clock back: got %d, want above %d", got, last)
	}
}
