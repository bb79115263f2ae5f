package receiver_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/receiver"
)

func has(t *testing.T, m *receiver.Memory, id string) bool {
	t.Helper()
	ok, err := m.Has(t.Context(), id)
	if err != nil {
		t.Fatalf("Has(%q): %v", id, err)
	}
	return ok
}

func add(t *testing.T, m *receiver.Memory, id string) {
	t.Helper()
	if err := m.Add(t.Context(), id); err != nil {
		t.Fatalf("Add(%q): %v", id, err)
	}
}

func TestMemoryForgetsTheLeastRecent(t *testing.T) {
	m := receiver.NewMemory(3, time.Hour)
	for _, id := range []string{"a", "b", "c"} {
		add(t, m, id)
	}
	if !has(t, m, "a") { // and makes it the most recent
		t.Fatal(`Has("a"): got false, want true`)
	}
	add(t, m, "c") // already there: no other entry is dropped for it
	add(t, m, "d")
	for id, want := range map[string]bool{"a": true, "b": false, "c": true, "d": true} {
		if got := has(t, m, id); got != want {
			t.Errorf("Has(%q): got %t, want %t", id, got, want)
		}
	}
}

func TestMemoryExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := receiver.NewMemory(0, time.Hour)
		add(t, m, "asked for")
		add(t, m, "left alone")
		time.Sleep(40 * time.Minute)
		if !has(t, m, "asked for") {
			t.Error("after 40 min: got false, want true")
		}
		time.Sleep(20 * time.Minute)
		for id, want := range map[string]bool{"asked for": true, "left alone": false} {
			if got := has(t, m, id); got != want {
				t.Errorf("Has(%q) after an hour: got %t, want %t", id, got, want)
			}
		}
		time.Sleep(time.Hour)
		if has(t, m, "asked for") {
			t.Error("an hour after it was asked for: got true, want false")
		}
	})
}

func BenchmarkMemory(b *testing.B) {
	m := receiver.NewMemory(10_000, time.Hour)
	ids := make([]string, 20_000)
	for i := range ids {
		ids[i] = "whk_" + strconv.Itoa(i)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		id := ids[i%len(ids)]
		i++
		m.Has(b.Context(), id)
		m.Add(b.Context(), id)
	}
}
