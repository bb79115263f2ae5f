// Package idempotency decides what of a group of publications is to be stored:
// it finds the items that repeat one another, or an event that was stored
// before under the same key, and the publications that conflict with one.
//
// A store collects a group's items with Collect, says with Stored what it has
// under their keys, has Choose decide, stores Items, and ends with Finish.
package idempotency

import (
	"fmt"
	"slices"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/problem"
)

// Group is the items of one group commit. H is how a store hashes a key of a
// tenant. The zero Group is empty; it keeps its memory for the next use and is
// for one goroutine at a time.
type Group[H comparable] struct {
	// Items are those to be stored, in order, set by Choose.
	Items []*ingest.Item
	// Keyed are the items with a key, in order, and Hashes their keys' hashes.
	Keyed  []Keyed
	Hashes []H

	first map[H]int // the first keyed item with the hash
}

// Keyed is an item with an idempotency key.
type Keyed struct {
	Item *ingest.Item
	// Event is the event stored before under the key, and Digest that of what
	// was published then. Without one Event.ID is zero.
	Event  event.Event
	Digest [16]byte

	pub   int
	index int // in its publication
	first int // the keyed item of this group it repeats; its own index if none
}

// Collect adds the items of all publications, sets their tenants, and forgets
// what became of them before.
func (g *Group[H]) Collect(pubs []*ingest.Publication, hash func(tenant event.TenantID, key string) H) {
	for p, pub := range pubs {
		for i := range pub.Items {
			it := &pub.Items[i]
			it.Event.Tenant, it.Duplicate = pub.Tenant, false
			if it.Key != "" {
				g.Keyed = append(g.Keyed, Keyed{Item: it, pub: p, index: i})
				g.Hashes = append(g.Hashes, hash(pub.Tenant, it.Key))
			}
		}
	}
}

// Stored sets which event is stored under the key of Keyed[i]; the zero event
// says that there is none.
func (g *Group[H]) Stored(i int, e event.Event, digest [16]byte) {
	g.Keyed[i].Event, g.Keyed[i].Digest = e, digest
}

// Choose decides for each publication whether it conflicts, which sets its
// Err, and collects the items to be stored of those that do not. It may be
// called again, after Stored.
func (g *Group[H]) Choose(pubs []*ingest.Publication) {
	if g.first == nil {
		g.first = make(map[H]int)
	}
	clear(g.first)
	g.Items = g.Items[:0]
	next := 0
	for p, pub := range pubs {
		pub.Err = nil
		from := next
		for next < len(g.Keyed) && g.Keyed[next].pub == p {
			next++
		}
		for i := from; i < next && pub.Err == nil; i++ {
			k := &g.Keyed[i]
			k.first = i
			digest := k.Digest
			if k.Event.ID == 0 {
				first, ok := g.first[g.Hashes[i]]
				if !ok {
					g.first[g.Hashes[i]] = i
					continue
				}
				k.first, digest = first, g.Keyed[first].Item.Digest
			}
			if digest != k.Item.Digest {
				pub.Err = conflict(pub, k)
			}
		}
		if pub.Err != nil {
			for i := from; i < next; i++ { // its keys are free for those behind it
				if first, ok := g.first[g.Hashes[i]]; ok && first >= from {
					delete(g.first, g.Hashes[i])
				}
			}
			continue
		}
		k := from
		for i := range pub.Items {
			it := &pub.Items[i]
			switch {
			case it.Cause != 0: // goes the way of its root
				if it.Duplicate = from < next && g.repeats(from, next, i+int(it.Root)); it.Duplicate {
					continue
				}
			case k < next && g.Keyed[k].index == i:
				k++
				if g.repeated(k - 1) {
					continue
				}
			}
			g.Items = append(g.Items, it)
		}
	}
}

// repeated reports whether Keyed[i] is not to be stored, being there already.
func (g *Group[H]) repeated(i int) bool {
	k := &g.Keyed[i]
	return k.Event.ID != 0 || k.first != i
}

// repeats reports whether the item at index of the publication whose keyed
// items begin at from and end before next is not to be stored.
func (g *Group[H]) repeats(from, next, index int) bool {
	i, found := slices.BinarySearchFunc(g.Keyed[from:next], index, func(k Keyed, index int) int { return k.index - index })
	return found && g.repeated(from+i)
}

func conflict(pub *ingest.Publication, k *Keyed) error {
	field, detail := "id", "An event with this id but other content was published before."
	if k.Item.Key[0] == 'h' {
		field, detail = "header Idempotency-Key", "This Idempotency-Key was used before with another body."
	} else if len(pub.Items) > 1 {
		field = fmt.Sprintf("[%d].id", k.index)
	}
	return &problem.Error{
		Kind:   problem.Conflict,
		Detail: detail,
		Fields: []problem.Field{{Name: field, Reason: "was used before for another event"}},
	}
}

// Finish sets the originals of the items that were not stored as duplicates. The
// others have their ids by then.
func (g *Group[H]) Finish(pubs []*ingest.Publication) {
	for i := range g.Keyed {
		k := &g.Keyed[i]
		switch {
		case pubs[k.pub].Err != nil:
		case k.Event.ID != 0:
			k.Item.Event, k.Item.Duplicate = k.Event, true
		case k.first != i:
			k.Item.Event, k.Item.Duplicate = g.Keyed[k.first].Item.Event, true
		}
	}
}

// New reports, after Finish, whether Keyed[i] was stored now, and its key with it.
func (g *Group[H]) New(i int, pubs []*ingest.Publication) bool {
	return pubs[g.Keyed[i].pub].Err == nil && !g.Keyed[i].Item.Duplicate
}

// Reset empties the group.
func (g *Group[H]) Reset() {
	clear(g.Items)
	clear(g.Keyed)
	clear(g.first)
	g.Items, g.Keyed, g.Hashes = g.Items[:0], g.Keyed[:0], g.Hashes[:0]
}
