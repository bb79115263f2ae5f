package idempotency

import (
	"fmt"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
)

// publication makes one of a text such as "n1:a n2:b -:c": keys, and after the
// colon what was published under them.
func publication(tenant event.TenantID, text string) *ingest.Publication {
	p := &ingest.Publication{Tenant: tenant}
	for _, word := range strings.Fields(text) {
		key, body, _ := strings.Cut(word, ":")
		it := ingest.Item{Digest: [16]byte{body[0]}, Event: event.Event{Type: word}}
		if key != "-" {
			it.Key = key
		}
		p.Items = append(p.Items, it)
	}
	return p
}

func TestChoose(t *testing.T) {
	for _, test := range []struct {
		name   string
		pubs   []string
		stored map[string]byte // key to what was published under it before
		want   string          // the items stored
		fails  string          // the publications that conflict
	}{
		{"no keys", []string{"-:a -:a", "-:a"}, nil, "-:a -:a -:a", ""},
		{"repeated in a group", []string{"n1:a", "n1:a"}, nil, "n1:a", ""},
		{"repeated in a publication", []string{"n1:a -:b n1:a"}, nil, "n1:a -:b", ""},
		{"stored before", []string{"n1:a n2:b"}, map[string]byte{"n1": 'a'}, "n2:b", ""},
		{"conflicts with what was stored", []string{"n1:b -:c"}, map[string]byte{"n1": 'a'}, "", "0"},
		{"conflicts in a group", []string{"n1:a", "n1:b -:c", "n1:a"}, nil, "n1:a", "1"},
		{"a conflict frees its keys", []string{"n1:a n2:a n2:b", "n1:c"}, nil, "n1:c", "0"},
		{"a conflict frees no other's key", []string{"n1:a", "n1:a n2:a n2:b", "n1:b"}, nil, "n1:a", "1 2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var pubs []*ingest.Publication
			for _, p := range test.pubs {
				pubs = append(pubs, publication(1, p))
			}
			var g Group[string]
			g.Collect(pubs, func(tenant event.TenantID, key string) string { return fmt.Sprint(tenant, key) })
			for i := range g.Keyed {
				if d, ok := test.stored[g.Keyed[i].Item.Key]; ok {
					g.Stored(i, event.Event{ID: 99}, [16]byte{d})
				}
			}
			for range 2 { // the second time must find the same
				g.Choose(pubs)
				var items, fails []string
				for _, it := range g.Items {
					items = append(items, it.Event.Type)
				}
				for i, p := range pubs {
					if p.Err != nil {
						fails = append(fails, fmt.Sprint(i))
					}
				}
				if got := strings.Join(items, " "); got != test.want {
					t.Errorf("got %q to store, want %q", got, test.want)
				}
				if got := strings.Join(fails, " "); got != test.fails {
					t.Errorf("got conflicts %q, want %q", got, test.fails)
				}
			}
			for i, it := range g.Items {
				it.Event.ID = event.ID(i + 1)
			}
			g.Finish(pubs)
			for p, pub := range pubs {
				for i := range pub.Items {
					if it := &pub.Items[i]; pub.Err == nil && it.Event.ID == 0 {
						t.Errorf("item %d of publication %d has no id", i, p)
					}
				}
			}
			for i := range g.Keyed {
				k := g.Keyed[i]
				if got, want := g.New(i, pubs), k.Event.ID == 0 && k.first == i && pubs[k.pub].Err == nil; got != want {
					t.Errorf("key %q new: got %v, want %v", k.Item.Key, got, want)
				}
			}
			g.Reset()
			if len(g.Items)+len(g.Keyed)+len(g.Hashes) != 0 {
				t.Errorf("after Reset: got %+v, want nothing", g)
			}
		})
	}
}

func TestTenantsDoNotShareKeys(t *testing.T) {
	pubs := []*ingest.Publication{publication(1, "n1:a"), publication(2, "n1:b")}
	var g Group[string]
	g.Collect(pubs, func(tenant event.TenantID, key string) string { return fmt.Sprint(tenant, key) })
	g.Choose(pubs)
	if len(g.Items) != 2 || pubs[0].Err != nil || pubs[1].Err != nil {
		t.Errorf("got %d items, %v, %v, want both", len(g.Items), pubs[0].Err, pubs[1].Err)
	}
	if got := pubs[1].Items[0].Event.Tenant; got != 2 {
		t.Errorf("got tenant %d, want 2", got)
	}
}
