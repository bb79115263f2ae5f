package registry_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/registry"
)

// thing is a value; the state of a tenant is the sum of its numbers.
type thing struct {
	tenant event.TenantID
	name   string
	n      int
}

var errOdd = errors.New("the sum must not be 13")

func newThings(t *testing.T) (r *registry.Registry[thing, int], heard func() string) {
	t.Helper()
	r, err := registry.New(registry.Options[thing, int]{
		Key: func(v *thing) (event.TenantID, string) { return v.tenant, v.name },
		Build: func(_ event.TenantID, _ int, all []*thing) (sum int, err error) {
			for _, v := range all {
				sum += v.n
			}
			if sum == 13 {
				err = errOdd
			}
			return sum, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	say := func(v *thing) string {
		if v == nil {
			return "-"
		}
		return fmt.Sprint(v.tenant, v.name, v.n)
	}
	r.Subscribe(func(old, new *thing) {
		list = append(list, say(old)+">"+say(new))
		if new != nil && r.Get(new.tenant, new.name) != new {
			t.Errorf("a subscriber hears of %+v and reads %+v", new, r.Get(new.tenant, new.name))
		}
	})
	return r, func() string {
		got := strings.Join(list, " ")
		list = nil
		return got
	}
}

func publish(t *testing.T, r *registry.Registry[thing, int], next func() (*registry.Next[thing, int], error)) {
	t.Helper()
	err := r.Hold(func() error {
		n, err := next()
		if err == nil {
			n.Publish()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestChanges(t *testing.T) {
	r, heard := newThings(t)
	a, b, other := &thing{1, "a", 1}, &thing{1, "b", 2}, &thing{2, "a", 4}
	steps := []struct {
		put, remove []*thing
		all         bool // put is everything there is
		heard       string
		names       string // of tenant 1
		sums        [2]int
	}{
		{put: []*thing{a, other, b}, heard: "->1a1 ->2a4 ->1b2", names: "a b", sums: [2]int{3, 4}},
		{put: []*thing{{1, "a", 5}}, heard: "1a1>1a5", names: "a b", sums: [2]int{7, 4}},
		{put: []*thing{{1, "c", 2}}, remove: []*thing{a, {1, "none", 0}}, heard: "1a5>- ->1c2", names: "b c", sums: [2]int{4, 4}},
		{put: []*thing{b, a}, all: true, heard: "1c2>- 2a4>- ->1a1", names: "b a", sums: [2]int{3, 0}},
		{put: []*thing{a, b}, all: true, heard: "", names: "a b", sums: [2]int{3, 0}},
		{remove: []*thing{a, b}, heard: "1a1>- 1b2>-", names: "", sums: [2]int{0, 0}},
	}
	for i, step := range steps {
		held := r.List(1)
		before := slices.Clone(held)
		publish(t, r, func() (*registry.Next[thing, int], error) {
			if step.all {
				return r.NextAll(step.put)
			}
			return r.Next(step.put, step.remove)
		})
		if got := heard(); got != step.heard {
			t.Errorf("step %d: subscribers heard %q, want %q", i, got, step.heard)
		}
		var names []string
		for _, v := range r.List(1) {
			names = append(names, v.name)
		}
		if got := strings.Join(names, " "); got != step.names || r.State(1) != step.sums[0] || r.State(2) != step.sums[1] {
			t.Errorf("step %d: got %q with sums %d and %d, want %q with %v", i, got, r.State(1), r.State(2), step.names, step.sums)
		}
		if !slices.Equal(held, before) {
			t.Errorf("step %d: a list that was handed out has changed", i)
		}
	}
	if tenants := r.Tenants(); len(tenants) != 0 {
		t.Errorf("tenants without values: got %v", tenants)
	}
}

// TestImpossibleStates: a change whose state cannot be made changes nothing.
func TestImpossibleStates(t *testing.T) {
	r, heard := newThings(t)
	publish(t, r, func() (*registry.Next[thing, int], error) { return r.Next([]*thing{{1, "a", 12}}, nil) })
	heard()
	for _, next := range []func() (*registry.Next[thing, int], error){
		func() (*registry.Next[thing, int], error) { return r.Next([]*thing{{2, "a", 1}, {1, "b", 1}}, nil) },
		func() (*registry.Next[thing, int], error) { return r.NextAll([]*thing{{1, "a", 13}}) },
	} {
		if err := r.Hold(func() error { _, err := next(); return err }); !errors.Is(err, errOdd) {
			t.Errorf("got %v, want %v", err, errOdd)
		}
	}
	if r.State(1) != 12 || r.Get(2, "a") != nil || heard() != "" {
		t.Errorf("got the sum %d and %+v", r.State(1), r.Get(2, "a"))
	}
}

// TestReadersSeeWholeChanges: while values move from one name to another, readers find each sum the
// same.
func TestReadersSeeWholeChanges(t *testing.T) {
	r, _ := newThings(t)
	publish(t, r, func() (*registry.Next[thing, int], error) { return r.Next([]*thing{{1, "a", 50}, {1, "b", 50}}, nil) })
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				sum := 0
				for _, v := range r.List(1) {
					sum += v.n
				}
				if sum != 100 || r.State(1) != 100 {
					t.Errorf("got the sums %d and %d, want 100", sum, r.State(1))
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for n := range 500 {
		publish(t, r, func() (*registry.Next[thing, int], error) {
			return r.Next([]*thing{{1, "a", 50 - n%50}, {1, "b", 50 + n%50}}, nil)
		})
	}
	close(done)
	wg.Wait()
}
