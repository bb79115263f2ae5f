package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/problem"
)

// costly is what a tenant may add to its catalogue to make its events as dear as they can be.
type costly struct {
	name   string
	schema string
	rules  []catalogue.Rule
	data   string
	events int
	fails  bool // the request is refused when it takes too much
}

func costlyOnes() []costly {
	var levels strings.Builder
	for i := range 30 {
		fmt.Fprintf(&levels, `"l%d":{"anyOf":[{"$ref":"#/$defs/l%d"},{"$ref":"#/$defs/l%d"}]},`, i, i+1, i+1)
	}
	rules := func(n int, r catalogue.Rule) (list []catalogue.Rule) {
		for i := range n {
			r.Name, r.On, r.Type = fmt.Sprintf("r%d", i), "costly", fmt.Sprintf("follows.n%d", i)
			list = append(list, r)
		}
		return list
	}
	ninety := `{"l":[` + strings.Repeat("1,", 89) + `1]}`
	return []costly{
		{"a schema that doubles", `{"$defs":{` + levels.String() + `"l30":{"type":"string"}},"$ref":"#/$defs/l0"}`, nil, `{"a":1}`, 1000, false},
		{"patterns", `{"additionalProperties":{"pattern":"^(a|aa|aaa|a{1,120})+$"}}`, nil, `{"x":"` + strings.Repeat("a", 30_000) + `b"}`, 30, false},
		{"the format regex", `{"items":{"format":"regex"}}`, nil, "[" + strings.Repeat(`"`+strings.Repeat("(a|b)", 150)+`",`, 1000) + `"("]`, 20, false},
		{"constants", `{"items":{"enum":[` + strings.Repeat(`"x",`, 2000) + `"y"]}}`, nil, "[" + strings.Repeat("1,", 500) + "1]", 50, false},
		{"conditions", "", rules(60, catalogue.Rule{When: "event.data.l.exists(a, event.data.l.exists(b, a == b + 1000))", Data: "event.data"}), ninety, 1000, true},
		{"merging", "", rules(30, catalogue.Rule{When: "merge(" + strings.Repeat("event.data,", 99) + "event.data) == 'a'", Data: "event.data"}), `{"a":"` + strings.Repeat("x", 1700) + `"}`, 1000, true},
	}
}

func (c *costly) add(t *testing.T, types *catalogue.Registry) {
	t.Helper()
	typ := catalogue.Type{Name: "costly", Schema: []byte(c.schema)}
	if c.schema != "" {
		typ.Example = nil
	}
	if _, err := types.Put(t.Context(), access.System(1), typ); err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	for _, rule := range c.rules {
		if _, err := types.CreateRule(t.Context(), access.System(1), rule, true); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
}

func (c *costly) publication(eventType string) *Publication {
	p := &Publication{Tenant: 1, Array: true}
	for range c.events {
		p.Items = append(p.Items, published(eventType, c.data))
	}
	return p
}

// TestWorkOfARequestIsBounded: however many events a request has, their checks and rules take no more than is allowed for one.
func TestWorkOfARequestIsBounded(t *testing.T) {
	for _, c := range costlyOnes() {
		t.Run(c.name, func(t *testing.T) {
			types := newTypes(t)
			c.add(t, types)
			i := &Ingester{types: types}
			before := types.Stats().Steps.Load()
			err := i.prepare(t.Context(), c.publication("costly"))
			var refused *problem.Error
			if c.fails && (!errors.As(err, &refused) || refused.Kind != problem.TooLarge || !strings.Contains(refused.Error(), "catalogueWork")) || !c.fails && err != nil {
				t.Errorf("got %v, want it refused: %v", err, c.fails)
			}
			taken := types.Stats().Steps.Load() - before
			if most := int64(catalogue.DefaultWork * 11 / 10); taken > most || taken < catalogue.DefaultWork/20 {
				t.Errorf("took %d steps, want some and at most %d", taken, most)
			}
			t.Logf("%d steps, %d requests cut short", taken, types.Stats().RequestWork.Load())
		})
	}
}

// TestWorkEndsWithItsRequest: when the publisher has gone, nothing more is done for it.
func TestWorkEndsWithItsRequest(t *testing.T) {
	for _, c := range costlyOnes() {
		t.Run(c.name, func(t *testing.T) {
			types := newTypes(t)
			c.add(t, types)
			i := &Ingester{types: types}
			gone, leave := context.WithCancel(t.Context())
			leave()
			before := types.Stats().Steps.Load()
			if err := i.prepare(gone, c.publication("costly")); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want the request's end", err)
			}
			// One look at the context apart: a match of a pattern, which is paid for before it begins, counts as a whole.
			if taken := types.Stats().Steps.Load() - before; taken > 60_000 {
				t.Errorf("took %d steps after the publisher had gone", taken)
			}
		})
	}
}

// TestTenantsShareOfWork: a tenant that publishes costly events with all its might gets its share and waits for the rest, in a
// bounded number of requests; another tenant's events do not wait, nor do its own that cost nothing.
func TestTenantsShareOfWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 200_000
		types, err := catalogue.NewRegistry(t.Context(), noRecords{}, catalogue.Options{Evaluator: Conditions{}, Limits: catalogue.Limits{Work: limit}})
		if err != nil {
			t.Fatal(err)
		}
		c := costlyOnes()[0]
		c.add(t, types)
		if _, err := types.Put(t.Context(), access.System(2), catalogue.Type{Name: "other", Schema: []byte(`{"properties":{"a":{"pattern":"^x*$"}}}`)}); err != nil {
			t.Fatal(err)
		}
		i := &Ingester{types: types}
		begin, before := time.Now(), types.Stats().Steps.Load()
		var wg sync.WaitGroup
		var mu sync.Mutex
		done, refused := 0, 0
		const clients, each = 50, 2
		for range clients {
			wg.Go(func() {
				for range each {
					err := i.prepare(t.Context(), c.publication("costly"))
					mu.Lock()
					switch problem.KindOf(err) {
					case problem.TooMany:
						refused++
					default:
						done++
					}
					mu.Unlock()
				}
			})
		}
		for range 20 {
			began := time.Now()
			for _, p := range []*Publication{{Tenant: 2, Items: []Item{published("other", `{"a":"y"}`)}}, {Tenant: 1, Items: []Item{published("plain", `{"a":1}`)}}} {
				if err := i.prepare(t.Context(), p); err != nil {
					t.Errorf("an event of type %s beside the costly ones: %v", p.Items[0].Event.Type, err)
				}
			}
			if waited := time.Since(began); waited > 0 {
				t.Errorf("events that cost little waited %v", waited)
			}
			time.Sleep(100 * time.Millisecond)
		}
		wg.Wait()
		took, steps := time.Since(begin), types.Stats().Steps.Load()-before
		// The tenant's savings, its share of the time, and its greatest debt at the end.
		if most := float64(limit) * (2.2 + took.Seconds()/2); float64(steps) > most {
			t.Errorf("took %d steps in %v, want at most %.0f", steps, took, most)
		}
		if refused == 0 || done == 0 || done+refused != clients*each {
			t.Errorf("got %d requests done and %d refused, want some of each", done, refused)
		}
	})
}

// TestWaitingEnds: requests that wait for their tenant's share are refused when the server stops, and a publication that
// must not wait fails instead, with nothing stored.
func TestWaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		types, err := catalogue.NewRegistry(t.Context(), noRecords{}, catalogue.Options{Evaluator: Conditions{}, Limits: catalogue.Limits{Work: 200_000}})
		if err != nil {
			t.Fatal(err)
		}
		c := costlyOnes()[0]
		c.add(t, types)
		i := &Ingester{types: types}
		const clients = 20
		results := make(chan error, clients)
		begun := time.Now()
		for range clients {
			go func() {
				for {
					if err := i.prepare(t.Context(), c.publication("costly")); err != nil {
						results <- err
						return
					}
				}
			}()
		}
		time.Sleep(time.Second)
		hurried := c.publication("costly")
		hurried.NoWait = true
		if err := i.prepare(t.Context(), hurried); !errors.Is(err, catalogue.ErrWait) || time.Since(begun) > time.Second {
			t.Errorf("must not wait: got %v after %v, want ErrWait at once", err, time.Since(begun)-time.Second)
		}
		types.StopWaiting()
		for range clients {
			if err := <-results; problem.KindOf(err) != problem.Unavailable {
				t.Errorf("waiting at the stop: got %v, want it unavailable", err)
			}
		}
		if took := time.Since(begun) - time.Second; took > 0 {
			t.Errorf("the last one waited %v after the stop had begun", took)
		}
	})
}
